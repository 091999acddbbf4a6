// The browser's rules are quoted by their names in the Fetch standard: "CORS check", "CORS-preflight fetch".
#include "shared/cors/policy.h"

#include <algorithm>

#include "shared/http1/syntax.h"

namespace nexus::cors {

namespace {

constexpr size_t kMaxNames = 100;
constexpr size_t kMaxReflected = 4096;
constexpr size_t kMaxQuoted = 100;
constexpr std::string_view kWildcard = "*";
constexpr std::string_view kOrigin = "Origin";
constexpr std::string_view kVaryByOrigin[] = {kOrigin};

tl::unexpected<Error> refuse(std::string_view entry, std::string_view why) {
    return fail(Errc::kInvalidRequest,
                std::string("\"").append(entry.substr(0, kMaxQuoted)).append("\": ").append(why));
}

bool is_separator(char c) {
    return c == ',' || c == ' ' || c == '\t';
}

/// The next entry of a list, cut off `text`; "" at its end.
std::string_view next_entry(std::string_view &text) noexcept {
    while (!text.empty() && is_separator(text.front())) {
        text.remove_prefix(1);
    }
    const auto end = std::ranges::find_if(text, is_separator);
    const std::string_view entry{text.data(), static_cast<size_t>(end - text.begin())};
    text.remove_prefix(entry.size());
    return entry;
}

template <typename Check>
Result<std::vector<std::string>> parse_list(std::string_view text, Check check) {
    std::vector<std::string> entries;
    for (std::string_view entry = next_entry(text); !entry.empty(); entry = next_entry(text)) {
        if (!http1::is_token(entry)) {
            return refuse(entry, "has characters that no name has");
        }
        if (const std::string_view why = check(entry); !why.empty()) {
            return refuse(entry, why);
        }
        if (entries.size() == kMaxNames) {
            return refuse(entry, "is one name too many, 100 are allowed");
        }
        entries.emplace_back(entry);
    }
    return entries;
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::ranges::any_of(names,
                               [&](std::string_view one) { return http1::equal_ignoring_case(one, name); });
}

std::string join(const std::vector<std::string> &names) {
    std::string text;
    for (const std::string &name : names) {
        text.append(text.empty() ? "" : ", ").append(name);
    }
    return text;
}

bool has_wildcard(const std::vector<std::string> &names) {
    return std::ranges::find(names, kWildcard) != names.end();
}

/// "CORS-safelisted method": no preflight asks for it, and none can deny it.
bool is_safelisted_method(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "POST";
}

bool changes_something(const Request &request) noexcept {
    constexpr std::string_view kSafe[] = {"GET", "HEAD", "OPTIONS", "TRACE"};  // RFC 9110 section 9.2.1
    return request.is_upgrade || std::ranges::find(kSafe, request.method) == std::end(kSafe);
}

/// A page that talks to its own server: its browser says so, or an older one's Origin shows it.
bool is_same_origin(const Request &request) noexcept {
    if (!request.fetch_site.empty()) {
        return request.fetch_site == "same-origin" || request.fetch_site == "none";
    }
    return !request.origin.is_repeated && is_origin_of_host(request.origin.value, request.host);
}

/// Field names separated by commas, as a browser sends them; may be empty.
bool is_field_name_list(std::string_view text) noexcept {
    if (text.size() > kMaxReflected) {
        return false;
    }
    for (std::string_view name = next_entry(text); !name.empty(); name = next_entry(text)) {
        if (!http1::is_token(name)) {
            return false;
        }
    }
    return true;
}

bool says_true(const Request::Field &field) noexcept {
    return field.is_present && !field.is_repeated && field.value == "true";
}

void add(Answer &answer, std::string_view name, std::string_view value) noexcept {
    answer.lines[answer.line_count++] = {name, value};
}

}  // namespace

Result<std::vector<std::string>> parse_methods(std::string_view text) {
    return parse_list(text, [](std::string_view method) -> std::string_view {
        constexpr std::string_view kKnown[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
        constexpr std::string_view kForbidden[] = {"CONNECT", "TRACE", "TRACK"};
        if (is_one_of(method, kForbidden)) {
            return "no browser sends this method";
        }
        if (is_one_of(method, kKnown) && std::ranges::find(kKnown, method) == std::end(kKnown)) {
            return "methods are case-sensitive: write it in capitals";
        }
        return {};
    });
}

Result<std::vector<std::string>> parse_field_names(std::string_view text) {
    return parse_list(text, [](std::string_view) { return std::string_view{}; });
}

Result<Policy> Policy::make(Settings settings) {
    if (settings.credentials) {
        if (settings.origins.allows_any()) {
            return fail(Errc::kInvalidRequest,
                        "credentials cannot be allowed to every origin (\"*\"): name the origins");
        }
        if (settings.origins.allows_null()) {
            return fail(Errc::kInvalidRequest,
                        "credentials cannot be allowed to \"null\": any page can make itself a null origin");
        }
        if (has_wildcard(settings.methods) || has_wildcard(settings.headers) ||
            has_wildcard(settings.expose)) {
            return fail(
                Errc::kInvalidRequest,
                "with credentials browsers take \"*\" for a name: list methods and headers, or \"reflect\"");
        }
    }
    return Policy{std::move(settings)};
}

Policy::Policy(Settings settings)
    : settings_(std::move(settings)),
      methods_(join(settings_.methods)),
      headers_(join(settings_.headers)),
      expose_(join(settings_.expose)),
      max_age_(std::to_string(settings_.max_age_s)) {
    const auto depends_on = [this](std::string_view name) {
        preflight_vary_[preflight_vary_count_++] = name;
    };
    if (!allows_any_origin()) {
        depends_on(kOrigin);
    }
    depends_on("Access-Control-Request-Method");
    if (settings_.reflect_headers) {
        depends_on("Access-Control-Request-Headers");
    }
    if (settings_.private_network) {
        depends_on("Access-Control-Request-Private-Network");
    }
}

bool Policy::allows_method(std::string_view method) const noexcept {
    return std::ranges::any_of(settings_.methods,
                               [&](const std::string &one) { return one == method || one == kWildcard; });
}

bool Policy::allows_header(std::string_view name) const noexcept {
    if (settings_.reflect_headers) {
        return true;
    }
    // "CORS non-wildcard request-header name"
    const bool needs_its_name = http1::equal_ignoring_case(name, "Authorization");
    return std::ranges::any_of(settings_.headers, [&](const std::string &one) {
        return http1::equal_ignoring_case(one, name) || (one == kWildcard && !needs_its_name);
    });
}

bool Policy::passes(const Request &preflight) const noexcept {
    const Request::Field &method = preflight.requested_method;
    if (method.is_repeated || (!allows_method(method.value) && !is_safelisted_method(method.value))) {
        return false;
    }
    if (says_true(preflight.requested_private_network) && !settings_.private_network) {
        return false;
    }

    std::string_view names = preflight.requested_headers.value;
    if (preflight.requested_headers.is_repeated || !is_field_name_list(names)) {
        return false;
    }
    for (std::string_view name = next_entry(names); !name.empty(); name = next_entry(names)) {
        if (!allows_header(name)) {
            return false;
        }
    }
    return true;
}

Judgement Policy::judge(const Request &request) const noexcept {
    Judgement judgement;
    if (!request.origin.is_present) {
        return judgement;
    }

    judgement.is_allowed_origin =
        !request.origin.is_repeated && settings_.origins.allows(request.origin.value);
    judgement.is_preflight = request.method == "OPTIONS" && request.requested_method.is_present;
    if (judgement.is_preflight) {
        judgement.verdict =
            judgement.is_allowed_origin && passes(request) ? Verdict::kPreflight : Verdict::kDenied;
        return judgement;
    }

    const bool is_allowed_method = request.is_upgrade || allows_method(request.method);
    const bool is_refusable =
        changes_something(request) && !(judgement.is_allowed_origin && is_allowed_method);
    const bool is_own = (is_refusable || !judgement.is_allowed_origin) && is_same_origin(request);
    judgement.is_refused = is_refusable && !is_own;
    judgement.verdict = judgement.is_allowed_origin ? Verdict::kSimple
                        : is_own                    ? Verdict::kNone
                                                    : Verdict::kDenied;
    return judgement;
}

Answer Policy::answer(const Request &request, const Judgement &judgement) const noexcept {
    Answer answer;
    if (judgement.is_preflight) {
        answer.vary = {preflight_vary_.data(), preflight_vary_count_};
    } else if (!allows_any_origin()) {
        answer.vary = kVaryByOrigin;
    }

    // What is the same for every origin is said to everybody: then a cache need not know who asked.
    if (!judgement.is_allowed_origin && !allows_any_origin()) {
        return answer;
    }
    add(answer, "Access-Control-Allow-Origin", allows_any_origin() ? kWildcard : request.origin.value);
    if (settings_.credentials) {
        add(answer, "Access-Control-Allow-Credentials", "true");
    }
    if (!judgement.is_preflight) {
        if (!expose_.empty()) {
            add(answer, "Access-Control-Expose-Headers", expose_);
        }
        return answer;
    }

    const Request::Field &asked = request.requested_headers;
    const bool reflects = settings_.reflect_headers && !asked.is_repeated && is_field_name_list(asked.value);
    const std::string_view headers = reflects ? asked.value : std::string_view{headers_};
    if (!methods_.empty()) {
        add(answer, "Access-Control-Allow-Methods", methods_);
    }
    if (!headers.empty()) {
        add(answer, "Access-Control-Allow-Headers", headers);
    }
    add(answer, "Access-Control-Max-Age", max_age_);
    if (settings_.private_network && says_true(request.requested_private_network)) {
        add(answer, "Access-Control-Allow-Private-Network", "true");
    }
    return answer;
}

bool is_in_vary(std::string_view value, std::string_view name) noexcept {
    for (std::string_view field = next_entry(value); !field.empty(); field = next_entry(value)) {
        if (field == kWildcard || http1::equal_ignoring_case(field, name)) {
            return true;
        }
    }
    return false;
}

}  // namespace nexus::cors
