// Parsing and merging; what the values do is access/access.cpp's, answer/gateway_api.cpp's and
// inject/inject.cpp's business.
#include "ngx_module/guard_directives.h"

#include <algorithm>
#include <optional>

#include "ngx_module/access/access.h"
#include "ngx_module/answer/errors.h"
#include "ngx_module/answer/gateway_api.h"
#include "ngx_module/caller/auth_failures.h"
#include "ngx_module/inject/egress.h"
#include "ngx_module/logs/error_log.h"
#include "ngx_module/long_lived/tunnel_conf.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_modes.h"
#include "ngx_module/trace/trace.h"
#include "ngx_module/upstream/checks.h"

// Weak: an nginx that was built without TLS for HTTP has no such module.
extern "C" {
extern ngx_module_t ngx_http_ssl_module __attribute__((weak));
}

namespace nexus::edge {

namespace {

char kDuplicate[] = "is duplicate";

const ngx_str_t *arguments(const ngx_conf_t *cf) {
    return static_cast<const ngx_str_t *>(cf->args->elts);
}

ngx_http_core_loc_conf_t *core_loc_conf(ngx_conf_t *cf) {
    return static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

ngx_uint_t number(ApiMode mode) {
    return static_cast<ngx_uint_t>(mode);
}

bool is_answering(ApiMode mode) {
    return mode == ApiMode::kToken || mode == ApiMode::kRefresh || mode == ApiMode::kCheck;
}

ngx_int_t on_metrics_content(ngx_http_request_t *r) noexcept {
    if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    return guarded(r, [&] { return send_text(r, "text/plain; version=0.0.4", metrics::to_prometheus()); });
}

/// Is there an ssl_verify_client that lets a certificate through? That of a server, not of a location:
/// handshakes know no locations. It also makes nginx refuse a request whose Host names this server in a
/// connection that was made to another one.
bool asks_for_certificates(ngx_conf_t *cf) {
    if (&ngx_http_ssl_module == nullptr) {
        return false;
    }
    const auto *sscf = static_cast<const ngx_http_ssl_srv_conf_t *>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module));
    return sscf != nullptr && sscf->verify != 0 && sscf->verify != NGX_CONF_UNSET_UINT;
}

bool serves(const ngx_http_conf_addr_t &address, const ngx_http_core_srv_conf_t *server) {
    const auto *servers = static_cast<ngx_http_core_srv_conf_t *const *>(address.servers.elts);
    return std::find(servers, servers + address.servers.nelts, server) != servers + address.servers.nelts;
}

bool listens_on_unix_socket(ngx_conf_t *cf) {
    const auto *cmcf = static_cast<const ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    const auto *server = static_cast<const ngx_http_core_srv_conf_t *>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    const auto *ports =
        static_cast<const ngx_http_conf_port_t *>(cmcf->ports != nullptr ? cmcf->ports->elts : nullptr);
    for (ngx_uint_t i = 0; ports != nullptr && i < cmcf->ports->nelts; ++i) {
        const auto *addresses = static_cast<const ngx_http_conf_addr_t *>(ports[i].addrs.elts);
        for (ngx_uint_t k = 0; k < ports[i].addrs.nelts; ++k) {
            if (addresses[k].opt.sockaddr->sa_family == AF_UNIX && serves(addresses[k], server)) {
                return true;
            }
        }
    }
    return false;
}

/// Those that set header fields and nothing else; what a connection of `auto` is shows with the request.
bool can_be_grpc(InjectMode mode) {
    switch (mode) {
        case InjectMode::kOff:
        case InjectMode::kAuto:
        case InjectMode::kOauth2:
        case InjectMode::kHeader:
        case InjectMode::kBasicAuth:
        case InjectMode::kCookie:
            return true;
        default:
            return false;
    }
}

/// What would be unsafe or could never work.
char *check(ngx_conf_t *cf, const LocConf &conf) {
    const auto api = static_cast<ApiMode>(conf.api);
    const bool injecting = static_cast<InjectMode>(conf.inject) != InjectMode::kOff;
    const bool answering = is_answering(api);
    const ngx_http_core_loc_conf_t *clcf = core_loc_conf(cf);

    if (conf.auth != kAuthOff && clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        return refuse_location(
            cf,
            "\"nexus_auth\" cannot stand under \"satisfy any\": another access module could then "
            "open the location to a caller whom nobody has authenticated");
    }
    if (injecting && clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        return refuse_location(
            cf,
            "\"nexus_inject\" cannot stand under \"satisfy any\": another access module could then pass the "
            "request on with the caller's own credentials and without the connection's");
    }
    if (takes(conf, caller::Method::kMtls) && !asks_for_certificates(cf)) {
        return refuse_location(cf,
                               "\"nexus_auth mtls\" needs \"ssl_verify_client\" in its server: without it "
                               "nginx asks nobody for a "
                               "certificate");
    }
    if (takes(conf, caller::Method::kPeer) && !listens_on_unix_socket(cf)) {
        return refuse_location(
            cf, "\"nexus_auth peer\" needs a server that listens on a Unix socket (\"listen unix:...\")");
    }
    if (answering && injecting) {
        return refuse_location(cf, "\"nexus_inject\" needs an upstream, and \"nexus_api\" answers by itself");
    }
    if (answering && clcf->handler != on_api_content) {
        return refuse_location(cf, "\"nexus_api\" answers by itself, but another content handler is set");
    }
    if (conf.metrics && clcf->handler != on_metrics_content) {
        return refuse_location(cf, "\"nexus_metrics\" answers by itself, but another content handler is set");
    }
    if (api == ApiMode::kPass && !has_named_proxy_pass(cf)) {
        return refuse_location(
            cf,
            "\"nexus_api pass\" needs a \"proxy_pass\" without variables in the same location: "
            "the edge's own key goes where it leads");
    }
    if (!can_be_grpc(static_cast<InjectMode>(conf.inject)) && has_grpc_pass(cf)) {
        return refuse_location(cf,
                               "\"grpc_pass\" cannot take a connection that signs, or whose credential "
                               "goes into the query (\"nexus_inject\")");
    }
    if ((injecting || api == ApiMode::kPass) && keeps_answers(cf)) {
        return refuse_location(cf,
                               "\"proxy_cache\" and \"proxy_store\" would share one caller's answer with "
                               "others (\"nexus_inject\", \"nexus_api pass\")");
    }
    if (injecting && conf.replay != nullptr && intercepts(cf, NGX_HTTP_UNAUTHORIZED)) {
        return refuse_location(cf,
                               "\"nexus_retry_unauthorized\" would never see a 401 that \"error_page\" takes "
                               "under \"proxy_intercept_errors\"");
    }
    if (injecting && conf.provider_pause != 0 &&
        (intercepts(cf, NGX_HTTP_TOO_MANY_REQUESTS) || intercepts(cf, NGX_HTTP_SERVICE_UNAVAILABLE))) {
        return refuse_location(
            cf,
            "\"nexus_provider_pause\" would never see a 429 or 503 that \"error_page\" takes "
            "under \"proxy_intercept_errors\"");
    }
    if (api == ApiMode::kPass && conf.auth == kAuthOff) {
        return refuse_location(
            cf, "\"nexus_api pass\" needs \"nexus_auth\": it puts the edge's own key on the request");
    }
    if ((answering || injecting) && conf.connection == nullptr) {
        return refuse_location(cf, "\"nexus_connection\" is missing: it says which connection is meant");
    }
    return NGX_CONF_OK;
}

}  // namespace

ngx_conf_enum_t inject_modes[] = {
    {ngx_string("off"), static_cast<ngx_uint_t>(InjectMode::kOff)},
    {ngx_string("auto"), static_cast<ngx_uint_t>(InjectMode::kAuto)},
    {ngx_string("oauth2"), static_cast<ngx_uint_t>(InjectMode::kOauth2)},
    {ngx_string("header"), static_cast<ngx_uint_t>(InjectMode::kHeader)},
    {ngx_string("query_param"), static_cast<ngx_uint_t>(InjectMode::kQueryParam)},
    {ngx_string("basic_auth"), static_cast<ngx_uint_t>(InjectMode::kBasicAuth)},
    {ngx_string("cookie"), static_cast<ngx_uint_t>(InjectMode::kCookie)},
    {ngx_string("hmac_payload"), static_cast<ngx_uint_t>(InjectMode::kHmacPayload)},
    {ngx_string("aws_sigv4"), static_cast<ngx_uint_t>(InjectMode::kAwsSigv4)},
    {ngx_string("oauth1"), static_cast<ngx_uint_t>(InjectMode::kOauth1)},
    {ngx_null_string, 0},
};

char *on_nexus_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->configured_auth != NGX_CONF_UNSET_UINT) {
        return kDuplicate;
    }

    lcf->configured_auth = kAuthOff;
    if (cf->args->nelts == 2 && to_view(arguments(cf)[1]) == "off") {
        return NGX_CONF_OK;
    }
    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        const std::optional<caller::Method> method = caller::parse_method(to_view(arguments(cf)[i]));
        if (!method || (lcf->configured_auth & auth_bit(*method)) != 0) {
            return refuse(
                cf, cmd,
                "must be \"off\", or some of \"api_key\", \"jwt\", \"mtls\" and \"peer\", each once");
        }
        lcf->configured_auth |= auth_bit(*method);
    }
    return NGX_CONF_OK;
}

char *on_nexus_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->api != NGX_CONF_UNSET_UINT) {
        return kDuplicate;
    }

    const std::string_view value = to_view(arguments(cf)[1]);
    if (value == "off" || value == "pass") {
        lcf->api = number(value == "off" ? ApiMode::kOff : ApiMode::kPass);
        return NGX_CONF_OK;
    }

    if (value == "token") {
        lcf->api = number(ApiMode::kToken);
    } else if (value == "refresh") {
        lcf->api = number(ApiMode::kRefresh);
    } else if (value == "check") {
        lcf->api = number(ApiMode::kCheck);
    } else {
        return refuse_argument(cf, cmd, arguments(cf)[1],
                               "must be \"off\", \"token\", \"refresh\", \"check\" or \"pass\"");
    }
    core_loc_conf(cf)->handler = on_api_content;
    return NGX_CONF_OK;
}

char *on_nexus_allow_hosts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_allow_hosts", [&]() -> char * {
            if (lcf->allow_hosts == NGX_CONF_UNSET_PTR) {
                lcf->allow_hosts = PoolPtr<HostRules>::make(cf->pool).get();
                if (lcf->allow_hosts == nullptr) {
                    return static_cast<char *>(NGX_CONF_ERROR);
                }
            }
            for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
                const std::string_view rule = to_view(arguments(cf)[i]);
                const std::string_view host = rule.starts_with("*.") ? rule.substr(2) : rule;
                if (const Result<net::HostPort> parsed = net::parse_host_port(host);
                    !parsed || parsed->host.empty()) {
                    return refuse_argument(cf, cmd, arguments(cf)[i],
                                           "takes host, host:port, [v6]:port or *.suffix");
                }
                lcf->allow_hosts->rules.emplace_back(rule);
            }
            return NGX_CONF_OK;
        });
}

char *on_nexus_allow_private(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_allow_private", [&]() -> char * {
            if (lcf->allow_private == NGX_CONF_UNSET_PTR) {
                lcf->allow_private = PoolPtr<PrivateNetworks>::make(cf->pool).get();
                if (lcf->allow_private == nullptr) {
                    return static_cast<char *>(NGX_CONF_ERROR);
                }
            }
            for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
                const std::string_view text = to_view(arguments(cf)[i]);
                if (text == "unix:") {
                    lcf->allow_private->unix_sockets = true;
                    continue;
                }
                const Result<net::Cidr> network = net::Cidr::parse(text);
                if (!network) {
                    return refuse_argument(cf, cmd, arguments(cf)[i],
                                           "takes addresses and networks in CIDR form, or \"unix:\"");
                }
                if (network->has_host_bits()) {  // as nginx's "allow" does
                    ngx_str_t said = arguments(cf)[i];
                    ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "low address bits of %V are meaningless", &said);
                }
                lcf->allow_private->networks.push_back(*network);
            }
            return NGX_CONF_OK;
        });
}

char *on_nexus_metrics(ngx_conf_t *cf, ngx_command_t *, void *conf) noexcept {
    static_cast<LocConf *>(conf)->metrics = true;
    core_loc_conf(cf)->handler = on_metrics_content;
    return NGX_CONF_OK;
}

void init_guard_conf(LocConf &conf) noexcept {
    conf.configured_auth = NGX_CONF_UNSET_UINT;
    conf.api = NGX_CONF_UNSET_UINT;
    conf.inject = NGX_CONF_UNSET_UINT;
    conf.connection = static_cast<ngx_http_complex_value_t *>(NGX_CONF_UNSET_PTR);
    conf.allow_hosts = static_cast<HostRules *>(NGX_CONF_UNSET_PTR);
    conf.allow_private = static_cast<PrivateNetworks *>(NGX_CONF_UNSET_PTR);
    conf.debug_http = NGX_CONF_UNSET;
    conf.body_time = NGX_CONF_UNSET_MSEC;
    conf.trace = NGX_CONF_UNSET_UINT;
    conf.auth_failures = static_cast<AuthFailuresConf *>(NGX_CONF_UNSET_PTR);
    conf.replay = static_cast<const ReplayConf *>(NGX_CONF_UNSET_PTR);
    conf.provider_pause = NGX_CONF_UNSET;
    conf.ws_max_age = NGX_CONF_UNSET_MSEC;
    conf.end_withdrawn = NGX_CONF_UNSET;
    conf.scrub = static_cast<const ScrubConf *>(NGX_CONF_UNSET_PTR);
    conf.sigv4 = static_cast<Sigv4Conf *>(NGX_CONF_UNSET_PTR);
}

char *merge_guard_conf(ngx_conf_t *cf, LocConf &prev, LocConf &conf) noexcept {
    ngx_http_core_loc_conf_t *clcf = core_loc_conf(cf);
    if (conf.api == NGX_CONF_UNSET_UINT &&
        clcf->noname) {  // `if` and `limit_except`: still the same location
        conf.api = prev.api;
        if (clcf->handler == nullptr && is_answering(static_cast<ApiMode>(conf.api))) {
            clcf->handler = on_api_content;
        }
    }
    // otherwise not inherited, like every directive that gives a location its content
    ngx_conf_init_uint_value(conf.api, number(ApiMode::kOff));
    ngx_conf_merge_uint_value(conf.inject, prev.inject, static_cast<ngx_uint_t>(InjectMode::kOff));
    ngx_conf_merge_ptr_value(conf.connection, prev.connection, nullptr);
    ngx_conf_merge_ptr_value(conf.allow_hosts, prev.allow_hosts, nullptr);
    ngx_conf_merge_ptr_value(conf.allow_private, prev.allow_private, nullptr);
    if (conf.debug_http == 0) {  // said, not merely the default
        main_conf(cf)->guards_error_logs = 1;
    }
    ngx_conf_merge_value(conf.debug_http, prev.debug_http, 0);
    ngx_conf_merge_msec_value(conf.body_time, prev.body_time, 0);
    ngx_conf_merge_uint_value(conf.trace, prev.trace, static_cast<ngx_uint_t>(TraceMode::kPass));
    ngx_conf_merge_ptr_value(conf.auth_failures, prev.auth_failures, default_auth_failures());
    ngx_conf_merge_value(conf.provider_pause, prev.provider_pause, 0);
    ngx_conf_merge_msec_value(conf.ws_max_age, prev.ws_max_age, kTunnelsAsCredential);
    ngx_conf_merge_value(conf.end_withdrawn, prev.end_withdrawn, 1);
    ngx_conf_merge_ptr_value(conf.replay, prev.replay, nullptr);
    ngx_conf_merge_ptr_value(conf.scrub, prev.scrub, nullptr);
    ngx_conf_merge_ptr_value(conf.sigv4, prev.sigv4, &default_sigv4());

    // Where nobody said anything, it depends on what each location does: so what was said is inherited, not
    // the result.
    if (conf.configured_auth == NGX_CONF_UNSET_UINT) {
        conf.configured_auth = prev.configured_auth;
    }
    const bool guarded_use =
        conf.api != number(ApiMode::kOff) || conf.inject != static_cast<ngx_uint_t>(InjectMode::kOff);
    conf.auth = conf.configured_auth != NGX_CONF_UNSET_UINT ? conf.configured_auth
                : guarded_use                               ? kAuthDefault
                                                            : kAuthOff;

    if (guarded_use || conf.auth != kAuthOff) {
        MainConf *mcf = main_conf(cf);
        mcf->lookups_used = 1;
        mcf->guards_error_logs = 1;
    }
    if (note_error_log(cf, conf.debug_http != 0) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    return check(cf, conf);
}

}  // namespace nexus::edge
