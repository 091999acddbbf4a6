// Checks the destination, then edits the serialised request. Fails closed: without a credential nothing is
// sent.
#include "ngx_module/inject/inject.h"

#include <algorithm>
#include <optional>

#include "ngx_module/access/steps.h"
#include "ngx_module/inject/egress.h"
#include "ngx_module/inject/inject_grpc.h"
#include "ngx_module/inject/request_rules.h"
#include "ngx_module/inject/send_guard.h"
#include "ngx_module/long_lived/withdrawal.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/ngx/wiped_area.h"
#include "ngx_module/replay/replay.h"
#include "ngx_module/scrub/scrub.h"
#include "ngx_module/sign/sign.h"
#include "ngx_module/sign/streamed_body.h"
#include "ngx_module/upstream/wrap.h"
#include "ngx_module/worker.h"
#include "shared/http1/cookies.h"
#include "shared/net/host_rule.h"
#include "shared/net/ip_literal.h"
#include "shared/strategy/signing.h"
#include "shared/strategy/strategy.h"

namespace nexus::edge {

namespace {

using metrics::Counter;

struct Destination {
    std::string_view host;  // without brackets
    uint16_t port;          // 0: not known, the name of an upstream block
};

Destination destination_of(const ngx_http_upstream_t &u) {
    const std::string_view host = to_view(u.resolved != nullptr ? u.resolved->host : u.conf->upstream->host);
    return {net::without_brackets(host), u.resolved != nullptr ? u.resolved->port : u.conf->upstream->port};
}

/// Is `host` an IP literal that may not be reached? Names are checked when they have become an address
/// (send_guard.h).
bool is_refused_literal(const PrivateNetworks *allowed, std::string_view host, bool named_only) {
    const std::optional<net::IpLiteral> literal = net::IpLiteral::parse(host);
    if (!literal) {
        return false;
    }
    return named_only ? !is_named_private(allowed, literal->address())
                      : !is_address_allowed(allowed, literal->address());
}

/// The servers of an upstream block, as far as they are addresses by now.
bool has_refused_server(const ngx_http_upstream_srv_conf_t &upstream, const PrivateNetworks *allowed) {
    if (upstream.servers == nullptr) {
        return false;
    }
    const auto *servers = static_cast<const ngx_http_upstream_server_t *>(upstream.servers->elts);
    for (ngx_uint_t i = 0; i < upstream.servers->nelts; ++i) {
        for (ngx_uint_t a = 0; a < servers[i].naddrs; ++a) {
            if (!is_address_allowed(allowed, servers[i].addrs[a].sockaddr)) {
                return true;
            }
        }
    }
    return false;
}

ngx_int_t refuse(ngx_http_request_t *r, const Access &access, Errc errc, const char *why) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "nexus: %s, the request is not sent", why);
    count_refused(*access.conf, errc);
    return refuse_upstream(r, errc);
}

KnownRecord &known_record(const Access &access) {
    return worker()->known_records().of(access.answer->header.nonce);
}

/// nullopt: a request says where it goes (variables in proxy_pass).
std::optional<NamedDestination> named_destination(const Access &access, const ngx_http_upstream_t &u) {
    return u.resolved == nullptr ? std::optional(NamedDestination{access.conf, u.conf->upstream, u.ssl != 0})
                                 : std::nullopt;
}

bool is_clear_text_by_variable(const ngx_http_upstream_t &u) {
    return u.resolved != nullptr && !u.ssl;
}

ngx_int_t check_destination(ngx_http_request_t *r, void *data) noexcept {
    const auto &access = *static_cast<const Access *>(data);
    const ngx_http_upstream_t &u = *r->upstream;
    if (const auto named = named_destination(access, u); named && known_record(access).may_go_to(*named)) {
        return NGX_OK;
    }

    const Destination to = destination_of(u);
    if (!is_host_allowed(*access.token, access.conf->allow_hosts, to.host, to.port)) {
        return refuse(r, access, Errc::kHostNotAllowed, "the destination is not among the allowed hosts");
    }
    if (is_refused_literal(access.conf->allow_private, to.host, is_clear_text_by_variable(u))) {
        return refuse(r, access, Errc::kHostNotAllowed,
                      u.ssl ? "the destination is a private address"
                            : "the destination is a private address, or clear text would be sent");
    }
    if (u.resolved == nullptr && has_refused_server(*u.conf->upstream, access.conf->allow_private)) {
        return refuse(r, access, Errc::kHostNotAllowed, "the upstream has a private address");
    }
    return NGX_OK;
}

/// The Host line decides where a shared front end at the destination hands the request.
bool is_host_line_allowed(const Access &access, const ngx_http_upstream_t &u, std::string_view line) {
    const std::optional<NamedDestination> named = named_destination(access, u);
    if (named && known_record(access).may_go_to(*named, line)) {
        return true;
    }

    const Result<net::HostPort> host = net::parse_host_port(line);
    if (!host || host->host.empty()) {
        return false;
    }
    const uint16_t port = host->port != 0 ? host->port : static_cast<uint16_t>(u.ssl ? 443 : 80);
    const bool is_allowed = is_host_allowed(*access.token, access.conf->allow_hosts, host->host, port);
    if (is_allowed && named) {
        known_record(access).set_may_go_to(*named, line);
    }
    return is_allowed;
}

struct Strategy {
    std::string_view name;
    InjectMode mode;
    Counter counter;
};

constexpr Strategy kStrategies[] = {
    {"oauth2", InjectMode::kOauth2, Counter::kInjectedOauth2},
    {"header", InjectMode::kHeader, Counter::kInjectedHeader},
    {"query_param", InjectMode::kQueryParam, Counter::kInjectedQueryParam},
    {"basic_auth", InjectMode::kBasicAuth, Counter::kInjectedBasicAuth},
    {"cookie", InjectMode::kCookie, Counter::kInjectedCookie},
    {"hmac_payload", InjectMode::kHmacPayload, Counter::kInjectedHmacPayload},
    {"aws_sigv4", InjectMode::kAwsSigv4, Counter::kInjectedAwsSigv4},
    {"oauth1", InjectMode::kOauth1, Counter::kInjectedOauth1},
};

void count_injected(std::string_view strategy) {
    const auto *known = std::ranges::find(kStrategies, strategy, &Strategy::name);
    if (known != std::end(kStrategies)) {
        metrics::count(known->counter);
    }
}

/// The caller's cookies stay, but for one of that name.
ngx_int_t write_cookie(ngx_http_request_t *r, const strategy::Injection &injection) {
    const Result<http1::Head> head = http1::parse_head(request_head(r));
    if (!head) {
        return refuse_upstream(r, Errc::kInvalidRequest);
    }
    Secret cookies{http1::with_cookie(*head, injection.name, injection.value)};
    const http1::HeaderLine line[] = {{"Cookie", cookies.view()}};
    return rewrite_request_block(r, {.set = line, .remove = kOwnHeaders, .query = {}, .query_name = {}});
}

ngx_int_t write_credential(ngx_http_request_t *r, const strategy::Injection &injection) {
    if (injection.place == strategy::Injection::Place::kHeader) {
        const InjectedLines lines(injection);
        return rewrite_request_block(
            r, {.set = lines.all(), .remove = kOwnHeaders, .query = {}, .query_name = {}});
    }
    if (injection.place == strategy::Injection::Place::kCookie) {
        return write_cookie(r, injection);
    }

    const std::string_view value = injection.value;
    const std::span<char> pair = wiped_area(r->pool, injection.name.size() + 1 + value.size());
    if (pair.data() == nullptr) {
        return refuse_upstream(r, Errc::kInternal);
    }
    char *p = std::copy(injection.name.begin(), injection.name.end(), pair.data());
    *p++ = '=';
    std::copy(value.begin(), value.end(), p);
    return rewrite_request_block(r, {.set = {},
                                     .remove = kOwnHeaders,
                                     .query = {pair.data(), pair.size()},
                                     .query_name = injection.name});
}

/// write  puts an injection on; returns NGX_OK, or the result of refuse_upstream
template <typename Write>
ngx_int_t inject(ngx_http_request_t *r, const Access &access, Write &&write) {
    const Result<strategy::Injection> injection = strategy::injection_for(*access.token);
    if (!injection) {
        return refuse(r, access, Errc::kStrategyFailed, injection.error().message.c_str());
    }
    look_for(r, injection->made.view());
    return write(*injection);
}

/// What holds whatever the request is written in.
///
/// write  puts the credential on; returns NGX_OK, or the result of refuse_upstream
template <typename Write>
ngx_int_t put_on(ngx_http_request_t *r, const Access &access, const Sent &sent, Write &&write) {
    if (!is_host_line_allowed(access, *r->upstream, sent.host_line)) {
        return refuse(r, access, Errc::kHostNotAllowed, "the Host line is not among the allowed hosts");
    }
    if (!is_request_allowed(*access.token, sent)) {
        return refuse(r, access, Errc::kAccessDenied,
                      "the connection's rules do not allow this method and path");
    }
    if (access.answer->header.is_expired(now_ms())) {  // a long upload
        return refuse(r, access, Errc::kTokenUnavailable, "the token expired while the body was read");
    }

    look_for_secrets_of(r, *access.token);
    const ngx_int_t rc = write();
    if (rc != NGX_OK) {
        return rc;
    }
    if (guard_peer(r, access, is_clear_text_by_variable(*r->upstream)) != NGX_OK) {
        return refuse_upstream(r, Errc::kInternal);
    }

    count_ok(*access.conf);
    count_injected(access.token->strategy());
    return watch_sending(r, access);
}

ngx_int_t put_on_credential(ngx_http_request_t *r, void *data) noexcept {
    const auto &access = *static_cast<const Access *>(data);
    const std::string_view head = request_head(r);
    const size_t method_end = std::min(head.find(' '), head.size());
    const size_t target_end = head.find(' ', method_end + 1);
    const Sent sent{.host_line = http1::find_header(head, "Host"),
                    .method = head.substr(0, method_end),
                    .target = target_end == std::string_view::npos
                                  ? std::string_view{}
                                  : head.substr(method_end + 1, target_end - method_end - 1),
                    .is_overridden = access.token->request_rule_count() > 0 && has_override(head)};
    return put_on(r, access, sent, [&] {
        if (strategy::is_signing(*access.token)) {
            return sign_upstream(r, access);
        }
        return inject(r, access, [&](const strategy::Injection &one) { return write_credential(r, one); });
    });
}

ngx_int_t put_on_grpc_credential(ngx_http_request_t *r, void *data) noexcept {
    const auto &access = *static_cast<const Access *>(data);
    if (!is_for_grpc(*access.token)) {
        return refuse(r, access, Errc::kStrategyFailed,
                      "a connection that signs, or has its credential in the query, is not for grpc_pass");
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "editing a gRPC request", [&]() -> ngx_int_t {
        const Result<http2::HeaderFrames> frames = grpc_frames(r);
        if (!frames) {
            return refuse(r, access, Errc::kInternal, frames.error().message.c_str());
        }
        const std::string authority = grpc_authority(*frames);
        const std::string method = grpc_pseudo_field(*frames, ":method");
        const std::string path = grpc_pseudo_field(*frames, ":path");
        const Sent sent{.host_line = authority,
                        .method = method,
                        .target = path,
                        .is_overridden = access.token->request_rule_count() > 0 && has_override(*frames)};
        return put_on(r, access, sent, [&] {
            return inject(r, access, [&](const strategy::Injection &one) {
                return write_grpc_credential(r, *frames, one);
            });
        });
    });
}

std::string_view wanted_strategy(InjectMode mode) {
    for (const Strategy &known : kStrategies) {
        if (known.mode == mode) {
            return known.name;
        }
    }
    return {};  // auto
}

/// nexus_inject STRATEGY: a connection of another kind is not for this location.
ngx_int_t check_strategy(ngx_http_request_t *r, void *data) noexcept {
    const auto &access = *static_cast<const Access *>(data);
    const std::string_view wanted = wanted_strategy(static_cast<InjectMode>(access.conf->inject));
    if (!wanted.empty() && wanted != access.token->strategy()) {
        return refuse(r, access, Errc::kStrategyFailed,
                      "the connection has another strategy than this location");
    }
    return check_destination(r, data);
}

/// A body, or what this very check waits for, may have taken its time.
ngx_int_t check(ngx_http_request_t *r, void *data) noexcept {
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "judging a request again", [&] {
        auto &access = *static_cast<Access *>(data);
        access.go_on = resume_upstream;
        const ngx_int_t rc = steps::look_again(access);
        if (rc == NGX_AGAIN) {
            r->write_event_handler =
                ngx_http_request_empty_handler;  // not that of an upstream before this one
        }
        return rc == NGX_OK ? check_strategy(r, data) : rc;
    });
}

}  // namespace

ngx_int_t prepare_injection(Access &access) {
    ngx_http_request_t *r = access.request;
    if (prepare_signing(access) != NGX_OK || prepare_replay(access) != NGX_OK ||
        prepare_scrubbing(access) != NGX_OK) {
        return NGX_ERROR;
    }
    const ngx_int_t rc = wrap_upstream(r, check, put_on_credential, &access, put_on_grpc_credential);
    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "nexus: \"nexus_inject\" in a location that proxies nothing has no effect");
        return NGX_OK;
    }
    if (rc == NGX_OK) {
        read_first(r);
    }
    return rc;
}

}  // namespace nexus::edge
