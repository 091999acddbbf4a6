// Each upstream module's own configuration is private to it, but begins with what all of them have.
#include "ngx_module/upstream/checks.h"

// Weak: an nginx may be built without gRPC.
extern "C" {
extern ngx_module_t ngx_http_proxy_module;
extern ngx_module_t ngx_http_grpc_module __attribute__((weak));
}

namespace nexus::edge {

namespace {

const ngx_http_upstream_conf_t *upstream_conf(ngx_conf_t *cf, const ngx_module_t &module) {
    return static_cast<const ngx_http_upstream_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, module));
}

const ngx_http_core_loc_conf_t *core_loc_conf(ngx_conf_t *cf) {
    return static_cast<const ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

/// The proxy module's part, or nullptr. A proxy_pass to a variable shows as a content handler alone.
const ngx_http_upstream_conf_t *proxy_conf(ngx_conf_t *cf) {
    const ngx_http_upstream_conf_t *conf = upstream_conf(cf, ngx_http_proxy_module);
    const bool may_proxy = core_loc_conf(cf)->handler != nullptr && !has_grpc_pass(cf);
    return conf != nullptr && (conf->upstream != nullptr || may_proxy) ? conf : nullptr;
}

}  // namespace

bool has_grpc_pass(ngx_conf_t *cf) noexcept {
    if (&ngx_http_grpc_module == nullptr) {
        return false;
    }
    const ngx_http_upstream_conf_t *conf = upstream_conf(cf, ngx_http_grpc_module);
    return conf != nullptr && conf->upstream != nullptr;
}

bool has_named_proxy_pass(ngx_conf_t *cf) noexcept {
    const ngx_http_upstream_conf_t *conf = upstream_conf(cf, ngx_http_proxy_module);
    return conf != nullptr && conf->upstream != nullptr;
}

bool keeps_answers(const ngx_http_upstream_conf_t &conf) noexcept {
    return conf.cache != 0 || conf.store != 0;
}

bool keeps_answers(ngx_conf_t *cf) noexcept {
    const ngx_http_upstream_conf_t *conf = proxy_conf(cf);
    return conf != nullptr && keeps_answers(*conf);
}

bool intercepts(ngx_conf_t *cf, ngx_int_t status) noexcept {
    const ngx_http_upstream_conf_t *conf = proxy_conf(cf);
    const ngx_array_t *pages = core_loc_conf(cf)->error_pages;
    if (conf == nullptr || conf->intercept_errors != 1 || pages == nullptr) {
        return false;
    }
    const auto *page = static_cast<const ngx_http_err_page_t *>(pages->elts);
    for (ngx_uint_t i = 0; i < pages->nelts; ++i) {
        if (page[i].status == status) {
            return true;
        }
    }
    return false;
}

}  // namespace nexus::edge
