// Reading what nexusd answered: status, record, error code, Retry-After. Nothing in it is believed to be
// well-formed.
#include <jansson.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/ngx/str.h"
#include "shared/errc.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {
namespace {

constexpr std::string_view kRecordType = "application/vnd.nexus.record";
constexpr int kMaxRetryAfter = 3600;

struct JsonDelete {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};

// The code is only passed on if it is one of ours: a peer's text goes nowhere.
std::string_view known_code(std::string_view code) noexcept {
    for (int errc = 0; errc <= static_cast<int>(Errc::kInternal); ++errc) {
        const ErrcInfo info = errc_info(static_cast<Errc>(errc));
        if (info.code == code) {
            return info.code;
        }
    }
    return {};
}

std::string_view error_code_of(std::string_view body) {
    const std::unique_ptr<json_t, JsonDelete> root(
        json_loadb(body.data(), body.size(), JSON_REJECT_DUPLICATES, nullptr));
    const json_t *code = json_object_get(root.get(), "error");
    if (!json_is_string(code)) {
        return {};
    }
    return known_code({json_string_value(code), json_string_length(code)});
}

bool has_record_type(const ngx_http_request_t *r) noexcept {
    const std::string_view type =
        to_view(r->headers_out.content_type).substr(0, r->headers_out.content_type_len);
    return type.size() >= kRecordType.size() &&
           http1::equal_ignoring_case(type.substr(0, kRecordType.size()), kRecordType) &&
           (type.size() == kRecordType.size() || type[kRecordType.size()] == ';' ||
            type[kRecordType.size()] == ' ');
}

int retry_after_of(const ngx_http_request_t *r) noexcept {
    constexpr std::string_view kName = "Retry-After";
    for (const ngx_list_part_t *part = &r->headers_out.headers.part; part != nullptr; part = part->next) {
        const auto *headers = static_cast<const ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (headers[i].hash == 0 || !http1::equal_ignoring_case(to_view(headers[i].key), kName)) {
                continue;
            }
            const std::string_view value = to_view(headers[i].value);
            int seconds = 0;
            const auto [at, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
            return error == std::errc{} && seconds > 0 ? std::min(seconds, kMaxRetryAfter) : 0;
        }
    }
    return 0;
}

}  // namespace

ControlPlaneAnswer read_answer(const ngx_http_request_t *r, const ControlPlaneCall &call, ngx_int_t rc) {
    ControlPlaneAnswer answer;
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        answer.status = static_cast<ngx_uint_t>(rc);  // nginx's own 502, 504, ...
        return answer;
    }
    if (rc != NGX_OK || !call.complete || call.too_large) {
        return answer;
    }

    const std::string_view body(reinterpret_cast<const char *>(call.body), call.size);
    if (r->headers_out.status == NGX_HTTP_OK) {
        if (!has_record_type(r)) {
            ngx_log_error(
                NGX_LOG_ERR, r->connection->log, 0,
                "nexus: the control plane's answer is no record: does nexus_control_plane lead to nexusd?");
            return answer;
        }
        answer.record = body;
    } else {
        answer.error_code = error_code_of(body);
        answer.retry_after_s = retry_after_of(r);
    }
    answer.status = r->headers_out.status;
    return answer;
}

}  // namespace nexus::edge
