// Lookups: a look into L1, and joining a fetch if that is not enough.
#include "ngx_module/lookup/lookup.h"

#include <new>

#include "ngx_module/conf.h"
#include "ngx_module/lookup/fetches.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/record/cache_key.h"
#include "ngx_module/worker.h"

namespace nexus::edge {
namespace {

void on_request_gone(void *data) noexcept {
    auto *waiter = static_cast<Waiter *>(data);
    if (Worker *w = worker()) {
        w->fetches().leave(*waiter);
    }
}

Waiter *make_waiter(Lookup *lookup) noexcept {
    ngx_http_request_t *r = lookup->request;
    auto *waiter = static_cast<Waiter *>(ngx_palloc(r->pool, sizeof(Waiter)));
    // The request's clean-up and not the pool's: it comes first when nginx ends a request from outside.
    ngx_http_cleanup_t *cln = ngx_http_cleanup_add(r, 0);
    if (waiter == nullptr || cln == nullptr) {
        return nullptr;
    }
    ::new (waiter) Waiter{};
    waiter->lookup = lookup;
    cln->handler = on_request_gone;
    cln->data = waiter;
    lookup->impl = waiter;
    return waiter;
}

ngx_int_t done(Lookup *lookup, LookupStatus status, TokenSource source) noexcept {
    lookup->status = status;
    lookup->source = source;
    return NGX_OK;
}

bool has_control_plane(const ngx_http_core_main_conf_t &cmcf) noexcept {
    const auto *servers = static_cast<ngx_http_core_srv_conf_t *const *>(cmcf.servers.elts);
    for (ngx_uint_t i = 0; i < cmcf.servers.nelts; ++i) {
        const auto *scf =
            static_cast<const SrvConf *>(servers[i]->ctx->srv_conf[ngx_http_nexus_module.ctx_index]);
        if (scf->control_plane != nullptr) {
            return true;
        }
    }
    return false;
}

}  // namespace

ngx_int_t check_lookups(ngx_conf_t *cf) noexcept {
    const MainConf *mcf = main_conf(cf);
    const auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    const bool has_origin = has_control_plane(*cmcf);
    if (!mcf->lookups_used && mcf->redis == nullptr && !has_origin) {
        return NGX_OK;
    }

    const char *missing = mcf->cache == nullptr                  ? "nexus_cache"
                          : mcf->keyring == nullptr              ? "nexus_cache_key"
                          : mcf->redis == nullptr && !has_origin ? "nexus_redis or nexus_control_plane"
                                                                 : nullptr;
    if (missing != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "nexus: records are looked up here, which needs %s in http {}", missing);
        return NGX_ERROR;
    }
    return NGX_OK;
}

ngx_int_t start_lookup(Lookup *lookup) noexcept {
    Worker *w = worker();
    if (w == nullptr) {
        return done(lookup, LookupStatus::kError, TokenSource::kNone);
    }
    const std::optional<cache::Key> key = cache::parse_key(lookup->kind, lookup->id);
    if (!key) {
        return done(lookup, LookupStatus::kNotFound, TokenSource::kNegative);  // no id has this form
    }

    cache::Freshness known = cache::Freshness::kMiss;
    if (lookup->force_refresh) {
        if (const uint64_t ms = w->records().refresh_put_off_ms(*key)) {
            lookup->retry_after_s = static_cast<int>(ms / 1000 + 1);
            return done(lookup, LookupStatus::kUnavailable, TokenSource::kNone);
        }
    } else {
        const auto opened =
            lookup->kind == record::Kind::kCaller ? w->opened_callers().find(lookup->id) : nullptr;
        const cache::Found found =
            w->records().read(*key, lookup->request->pool, opened != nullptr ? &opened->record() : nullptr);
        const bool is_settled =
            found.freshness == cache::Freshness::kFresh || found.freshness == cache::Freshness::kPutOff;
        if (found.not_found) {
            return done(lookup, LookupStatus::kNotFound, TokenSource::kNegative);
        }
        const bool is_usable = found.is_usable(w->fetches().tools().keyring);
        if (is_usable && is_settled) {
            lookup->sealed = found.sealed;
            lookup->header = found.header;
            lookup->version = found.version;
            lookup->is_kept = found.is_kept;
            const bool fresh = found.freshness == cache::Freshness::kFresh;
            return done(lookup, LookupStatus::kFound, fresh ? TokenSource::kL1 : TokenSource::kStale);
        }
        known = is_usable ? found.freshness : cache::Freshness::kMiss;
    }

    // What is here is verified as ever: whoever may only use that would otherwise use it for ever.
    if (lookup->only_cached && known == cache::Freshness::kMiss) {
        return done(lookup, LookupStatus::kUnavailable, TokenSource::kNone);
    }
    Waiter *waiter = make_waiter(lookup);
    const auto purpose = lookup->force_refresh ? cache::Purpose::kRefresh : cache::Purpose::kRead;
    if (waiter == nullptr || !w->fetches().join(*waiter, {*key, purpose}, known)) {
        return NGX_ERROR;
    }
    ngx_str_t id = to_ngx_str(lookup->id);
    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->request->connection->log, 0, "nexus: lookup of \"%V\" waits",
                   &id);
    return NGX_AGAIN;
}

}  // namespace nexus::edge
