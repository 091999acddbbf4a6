// Copies of error logs without the debug_http category.
#include "ngx_module/debug_log.h"

#include "ngx_module/conf.h"

extern "C" {
extern ngx_module_t ngx_event_core_module;
extern ngx_module_t ngx_events_module;
}

namespace nexus::edge {

namespace {

/// A log that was masked, so that locations which share one go on sharing its copy.
struct MaskedLog {
    ngx_log_t *original;
    ngx_log_t *copy;
};

ngx_log_t *masked_copy(ngx_pool_t *pool, ngx_array_t *masked, ngx_log_t *original) {
    const auto *known = static_cast<const MaskedLog *>(masked->elts);
    for (ngx_uint_t i = 0; i < masked->nelts; ++i) {
        if (known[i].original == original) {
            return known[i].copy;
        }
    }

    auto *copy = static_cast<ngx_log_t *>(ngx_palloc(pool, sizeof(ngx_log_t)));
    auto *entry = static_cast<MaskedLog *>(ngx_array_push(masked));
    if (copy == nullptr || entry == nullptr) {
        return nullptr;
    }
    // The head of the chain decides what is logged at all; the logs behind it (`next`) can stay as they are. The file
    // is shared: reopening the logs reaches the copy too.
    *copy = *original;
    copy->log_level &= ~static_cast<ngx_uint_t>(NGX_LOG_DEBUG_HTTP);
    if (copy->log_level == 0) {  // it was debug_http alone, which includes all levels above
        copy->log_level = NGX_LOG_DEBUG;
    }
    *entry = {original, copy};
    return copy;
}

}  // namespace

ngx_int_t note_error_log(ngx_conf_t *cf, bool allow) noexcept {
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (allow || clcf->error_log == nullptr || (clcf->error_log->log_level & NGX_LOG_DEBUG_HTTP) == 0) {
        return NGX_OK;
    }

    MainConf *mcf = main_conf(cf);
    if (mcf->debug_logs == nullptr) {
        mcf->debug_logs = ngx_array_create(cf->pool, 16, sizeof(ngx_http_core_loc_conf_t *));
        if (mcf->debug_logs == nullptr) {
            return NGX_ERROR;
        }
    }
    auto **noted = static_cast<ngx_http_core_loc_conf_t **>(ngx_array_push(mcf->debug_logs));
    if (noted == nullptr) {
        return NGX_ERROR;
    }
    *noted = clcf;
    return NGX_OK;
}

ngx_int_t mask_debug_logs(ngx_conf_t *cf) noexcept {
    const MainConf *mcf = main_conf(cf);
    if (!mcf->mask_debug_http || mcf->debug_logs == nullptr) {
        return NGX_OK;
    }

    ngx_array_t *masked = ngx_array_create(cf->pool, 4, sizeof(MaskedLog));
    if (masked == nullptr) {
        return NGX_ERROR;
    }
    auto *const *noted = static_cast<ngx_http_core_loc_conf_t *const *>(mcf->debug_logs->elts);
    for (ngx_uint_t i = 0; i < mcf->debug_logs->nelts; ++i) {
        ngx_log_t *copy = masked_copy(cf->pool, masked, noted[i]->error_log);
        if (copy == nullptr) {
            return NGX_ERROR;
        }
        noted[i]->error_log = copy;
    }
    ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                  "nexus: debug_http is masked out of this configuration's error logs, because it prints callers' keys; "
                  "\"nexus_debug_http on\" lets it through");
    return NGX_OK;
}

void warn_of_debug_connection(ngx_cycle_t *cycle) noexcept {
    const MainConf *mcf = main_conf(cycle);
    if (mcf == nullptr || !mcf->mask_debug_http || ngx_get_conf(cycle->conf_ctx, ngx_events_module) == nullptr) {
        return;
    }
    const auto *ecf =
        static_cast<const ngx_event_conf_t *>(ngx_event_get_conf(cycle->conf_ctx, ngx_event_core_module));
    if (ecf != nullptr && ecf->debug_connection.nelts != 0) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "nexus: \"debug_connection\" prints callers' keys into the error log");
    }
}

}  // namespace nexus::edge
