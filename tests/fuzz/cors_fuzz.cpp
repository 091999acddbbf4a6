// An entry of nexus_cors_origins, then what a request says. What is allowed is an origin in the browser's
// form, below the entry's own host; what is echoed cannot end its header line.
#include <string>

#include "shared/cors/policy.h"
#include "shared/net/host_rule.h"
#include "tests/fuzz/fuzz.h"

namespace nexus::cors {
namespace {

using fuzz::require;
using fuzz::take_part;

constexpr std::string_view kBase = "fuzz.example";

Request::Field field(std::string_view value) {
    return {.value = value, .is_present = true, .is_repeated = false};
}

/// Whatever stands around `text`: one allowed origin means one host below kBase.
void check_wildcard(std::string_view text) {
    OriginSet below;
    require(below.add("https://*.fuzz.example").has_value());
    for (const std::string &origin : {std::string{text}, "https://" + std::string{text} + ".fuzz.example"}) {
        if (!below.allows(origin)) {
            continue;
        }
        const std::string_view host = std::string_view{origin}.substr(8);
        require(origin.starts_with("https://") && host.ends_with(kBase));
        require(net::host_rule_matches("*.fuzz.example", host, 443));
    }
}

void check_policy(OriginSet origins, const Request &request) {
    const bool any = origins.allows_any();
    const auto policy = Policy::make({.origins = std::move(origins),
                                      .methods = {"GET", "PUT"},
                                      .headers = {},
                                      .expose = {"Retry-After"},
                                      .reflect_headers = true,
                                      .max_age_s = 600,
                                      .credentials = false,
                                      .private_network = true});
    require(policy.has_value());
    const Judgement judgement = policy->judge(request);
    const Answer answer = policy->answer(request, judgement);
    require(any || judgement.is_allowed_origin || answer.headers().empty());
    for (const http1::HeaderLine &line : answer.headers()) {
        require(line.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
        if (line.name == "Access-Control-Allow-Origin") {
            const size_t host = line.value == "null" ? 0 : line.value.find("://") + 3;
            require(line.value == "*" || line.value.find_first_of(", \t/", host) == std::string_view::npos);
        }
    }
}

}  // namespace
}  // namespace nexus::cors

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace nexus::cors;
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view entry = nexus::fuzz::take_part(rest);
    const std::string_view origin = nexus::fuzz::take_part(rest);
    const std::string_view method = nexus::fuzz::take_part(rest);
    check_wildcard(origin);
    (void)parse_methods(rest);

    OriginSet origins;
    if (!origins.add(entry)) {
        return 0;
    }
    Request request{.method = method, .origin = field(origin), .requested_headers = field(rest)};
    check_policy(origins, request);
    request.method = "OPTIONS";
    request.requested_method = field(method);
    request.requested_private_network = field("true");
    check_policy(std::move(origins), request);
    return 0;
}
