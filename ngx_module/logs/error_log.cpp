// Copies of error logs that show less.
#include "ngx_module/logs/error_log.h"

#include "ngx_module/conf.h"
#include "ngx_module/logs/log_redaction.h"

extern "C" {
extern ngx_module_t ngx_event_core_module;
extern ngx_module_t ngx_events_module;
}

namespace nexus::edge {

namespace {

/// Two or more locations that share a log go on sharing its copy. `original` is also where the copy writes.
struct GuardedLog {
    ngx_log_t *original;
    ngx_log_t *copy;
};

// nginx calls the writer with its own line buffer, which may be written to. ngx_set_connection_log copies
// writer and wdata, but `log` here may be any copy: everything needed is in `wdata`.
void write_redacted(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len) noexcept {
    redact_log_line({reinterpret_cast<char *>(buf), len});

    auto *original = static_cast<ngx_log_t *>(log->wdata);
    if (original->writer != nullptr) {  // syslog:, memory:
        original->writer(original, level, buf, len);
        return;
    }
    if (original->disk_full_time == ngx_time()) {  // as nginx does: one try a second while the disk is full
        return;
    }
    if (ngx_write_fd(log->file->fd, buf, len) == -1 && ngx_errno == NGX_ENOSPC) {
        original->disk_full_time = ngx_time();
    }
}

ngx_log_t *guarded_copy(ngx_pool_t *pool, ngx_array_t *guarded, ngx_log_t *original) {
    if (original == nullptr) {
        return nullptr;
    }
    const auto *known = static_cast<const GuardedLog *>(guarded->elts);
    for (ngx_uint_t i = 0; i < guarded->nelts; ++i) {
        if (known[i].original == original) {
            return known[i].copy;
        }
    }

    auto *copy = static_cast<ngx_log_t *>(ngx_palloc(pool, sizeof(ngx_log_t)));
    auto *entry = static_cast<GuardedLog *>(ngx_array_push(guarded));
    if (copy == nullptr || entry == nullptr) {
        return nullptr;
    }
    // The file is shared, so reopening the logs reaches the copy too.
    *copy = *original;
    copy->writer = write_redacted;
    copy->wdata = original;
    copy->log_level &= ~static_cast<ngx_uint_t>(NGX_LOG_DEBUG_HTTP);
    if (copy->log_level == 0) {  // it was debug_http alone, which includes all levels above
        copy->log_level = NGX_LOG_DEBUG;
    }
    *entry = {original, copy};

    if (original->next != nullptr) {
        copy->next = guarded_copy(pool, guarded, original->next);
        return copy->next != nullptr ? copy : nullptr;
    }
    return copy;
}

bool shows_debug_http(const ngx_log_t *log) {
    return log != nullptr && ((log->log_level & NGX_LOG_DEBUG_HTTP) != 0 || shows_debug_http(log->next));
}

}  // namespace

ngx_int_t note_error_log(ngx_conf_t *cf, bool allow) noexcept {
    auto *clcf =
        static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (allow || clcf->error_log == nullptr) {
        return NGX_OK;
    }

    MainConf *mcf = main_conf(cf);
    if (mcf->error_logs == nullptr) {
        mcf->error_logs = ngx_array_create(cf->pool, 16, sizeof(ngx_http_core_loc_conf_t *));
        if (mcf->error_logs == nullptr) {
            return NGX_ERROR;
        }
    }
    auto **noted = static_cast<ngx_http_core_loc_conf_t **>(ngx_array_push(mcf->error_logs));
    if (noted == nullptr) {
        return NGX_ERROR;
    }
    *noted = clcf;
    return NGX_OK;
}

ngx_int_t guard_error_logs(ngx_conf_t *cf) noexcept {
    const MainConf *mcf = main_conf(cf);
    if (!mcf->guards_error_logs || mcf->error_logs == nullptr) {
        return NGX_OK;
    }

    ngx_array_t *guarded = ngx_array_create(cf->pool, 4, sizeof(GuardedLog));
    if (guarded == nullptr) {
        return NGX_ERROR;
    }
    bool masked = false;
    auto *const *noted = static_cast<ngx_http_core_loc_conf_t *const *>(mcf->error_logs->elts);
    for (ngx_uint_t i = 0; i < mcf->error_logs->nelts; ++i) {
        masked = masked || shows_debug_http(noted[i]->error_log);
        ngx_log_t *copy = guarded_copy(cf->pool, guarded, noted[i]->error_log);
        if (copy == nullptr) {
            return NGX_ERROR;
        }
        noted[i]->error_log = copy;
    }
    if (masked) {
        ngx_log_error(
            NGX_LOG_NOTICE, cf->log, 0,
            "nexus: debug_http is masked out of this configuration's error logs, because it prints callers' "
            "keys; \"nexus_debug_http on\" lets it through");
    }
    return NGX_OK;
}

void warn_of_debug_connection(ngx_cycle_t *cycle) noexcept {
    const MainConf *mcf = main_conf(cycle);
    if (mcf == nullptr || !mcf->guards_error_logs ||
        ngx_get_conf(cycle->conf_ctx, ngx_events_module) == nullptr) {
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
