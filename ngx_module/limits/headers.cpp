// What answers say of limits: RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), or
// the X-RateLimit-* that many APIs had before.
#include <charconv>
#include <string>

#include "ngx_module/conf.h"
#include "ngx_module/limits/ask.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "shared/http1/syntax.h"

namespace nexus::edge::limits {

namespace {

using ratelimit::Micros;

constexpr std::string_view kXNames[] = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"};

ngx_http_output_header_filter_pt next_header_filter;

int64_t seconds(Micros time) {
    return (time + ratelimit::kSecond - 1) / ratelimit::kSecond;
}

/// How many may come at once to a key that owes nothing.
int64_t quota(const Answer &answer) {
    return answer.limit.burst_tolerance / answer.limit.emission_interval + 1;
}

/// In which time that comes back.
int64_t window(const Answer &answer) {
    return seconds(answer.limit.burst_tolerance + answer.limit.emission_interval);
}

/// Of a refused request the same time as Retry-After.
int64_t reset(const Answer &answer) {
    const ratelimit::Decision &decision = answer.decision;
    return seconds(!decision.is_allowed && decision.retry_after != 0 ? decision.retry_after
                                                                     : decision.reset_after);
}

int64_t remaining(const Answer &answer) {
    return answer.decision.is_allowed ? answer.decision.remaining : 0;
}

class Text {
public:
    explicit Text(std::string &out) : out_(out) {}
    Text &operator<<(std::string_view text) {
        out_.append(text);
        return *this;
    }
    Text &operator<<(int64_t number) {
        std::array<char, 24> digits;
        out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
        return *this;
    }

private:
    std::string &out_;
};

ngx_int_t add_copied(ngx_http_request_t *r, std::string_view name, std::string_view value) {
    const ngx_str_t copy = copy_to_pool(r->pool, value);
    return copy.data != nullptr ? add_line(r, name, to_view(copy)) : NGX_ERROR;
}

/// Both are lists: what an upstream says of limits of its own stays beside them.
ngx_int_t add_ietf(ngx_http_request_t *r, const Answer *answers) {
    std::string policy;
    std::string state;
    for (const Answer *answer = answers; answer != nullptr; answer = answer->next) {
        const std::string_view comma = answer == answers ? "" : ", ";
        const std::string_view name = to_view(answer->zone->name);
        Text(policy) << comma << "\"" << name << "\";q=" << quota(*answer) << ";w=" << window(*answer);
        Text(state) << comma << "\"" << name << "\";r=" << remaining(*answer) << ";t=" << reset(*answer);
    }
    return add_copied(r, "RateLimit-Policy", policy) == NGX_OK ? add_copied(r, "RateLimit", state)
                                                               : NGX_ERROR;
}

/// There is room for one limit: the one that is nearest to its end. An upstream's lines would be taken for
/// ours, so they go.
ngx_int_t add_x(ngx_http_request_t *r, const Answer *answers) {
    const Answer *nearest = answers;
    for (const Answer *answer = answers; answer != nullptr; answer = answer->next) {
        const int64_t left = remaining(*answer);
        const int64_t least = remaining(*nearest);
        nearest = left < least || (left == least && reset(*answer) > reset(*nearest)) ? answer : nearest;
    }
    for_each_line(r->headers_out.headers, [](ngx_table_elt_t &line) {
        for (const std::string_view name : kXNames) {
            if (http1::equal_ignoring_case(to_view(line.key), name)) {
                line.hash = 0;
            }
        }
    });
    const int64_t values[] = {quota(*nearest), remaining(*nearest), reset(*nearest)};
    for (size_t i = 0; i < std::size(values); ++i) {
        std::string text;
        Text(text) << values[i];
        if (add_copied(r, kXNames[i], text) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    const auto mode = static_cast<Headers>(loc_conf(r)->limits.headers);
    const Asked *asked = r == r->main && mode != Headers::kOff ? find_asked(r) : nullptr;
    if (asked == nullptr || asked->answers == nullptr) {
        return next_header_filter(r);
    }
    const ngx_int_t rc = guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "nexus_limit_headers", [&] {
        return mode == Headers::kIetf ? add_ietf(r, asked->answers) : add_x(r, asked->answers);
    });
    return rc == NGX_OK ? next_header_filter(r) : NGX_ERROR;
}

}  // namespace

void add_header_filter() noexcept {
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}

}  // namespace nexus::edge::limits
