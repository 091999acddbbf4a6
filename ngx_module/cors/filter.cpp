// The header filter of nexus_cors, as a module of its own for its place in nginx's list: it comes to see an
// answer after `add_header`, upstreams and error pages have had their say.
#include "ngx_module/conf.h"
#include "ngx_module/cors/cors.h"

namespace nexus::edge {
namespace {

ngx_http_output_header_filter_pt next_header_filter;

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    return put_on_cors_headers(r) == NGX_OK ? next_header_filter(r) : NGX_ERROR;
}

ngx_int_t on_postconfiguration(ngx_conf_t *cf) noexcept {
    if (main_conf(cf)->cors_used) {
        next_header_filter = ngx_http_top_header_filter;
        ngx_http_top_header_filter = on_header;
    }
    return NGX_OK;
}

// One hook a line; and NGX_MODULE_V1 ends in a comma of its own, which clang-format cannot know.
// clang-format off
ngx_http_module_t filter_module = {
    nullptr,  // preconfiguration
    on_postconfiguration,
    nullptr,  // create main configuration
    nullptr,  // init main configuration
    nullptr,  // create server configuration
    nullptr,  // merge server configuration
    nullptr,  // create location configuration
    nullptr,  // merge location configuration
};

}  // namespace
}  // namespace nexus::edge

extern "C" {

ngx_module_t ngx_http_nexus_cors_filter_module = {
    NGX_MODULE_V1,
    &nexus::edge::filter_module,
    nullptr,  // commands
    NGX_HTTP_MODULE,
    nullptr,  // init master
    nullptr,  // init module
    nullptr,  // init process
    nullptr,  // init thread
    nullptr,  // exit thread
    nullptr,  // exit process
    nullptr,  // exit master
    NGX_MODULE_V1_PADDING,
};
// clang-format on
}
