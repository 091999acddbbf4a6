// What nginx asks a dynamic module for. A build inside an nginx source tree makes these three by itself
// (./config).
#include "ngx_module/conf.h"
#include "ngx_module/cors/cors.h"

extern "C" {

#define NEXUS_EXPORT __attribute__((visibility("default")))

extern NEXUS_EXPORT ngx_module_t *ngx_modules[];
extern NEXUS_EXPORT char *ngx_module_names[];  // char, not const char: nginx's headers say so
extern NEXUS_EXPORT char *ngx_module_order[];

ngx_module_t *ngx_modules[] = {&ngx_http_nexus_module, &ngx_http_nexus_cors_filter_module, nullptr};

static char module_name[] = "ngx_http_nexus_module";
static char copy_filter_name[] = "ngx_http_copy_filter_module";
static char cors_filter_name[] = "ngx_http_nexus_cors_filter_module";
static char headers_filter_name[] = "ngx_http_headers_filter_module";

char *ngx_module_names[] = {module_name, cors_filter_name, nullptr};
// A module goes before the first of those that stand behind it here. The module itself, as a filter: after
// everything that produces a response, before the copy filter in nginx's list. Header filters are called in
// the reverse of the list: that of CORS after add_header's.
char *ngx_module_order[] = {cors_filter_name, headers_filter_name, module_name, copy_filter_name, nullptr};
}
