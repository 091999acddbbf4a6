// The members of `oauth` about refreshing: see profile_refresh.h.
#include "control_plane/oauth/profile_refresh.h"

#include <algorithm>

#include "control_plane/oauth/json_path.h"
#include "control_plane/oauth/profile_reader.h"

namespace nexus::control {

namespace {

using Use = RefreshReuse::Use;
using Per = RateLimit::Per;
using Means = RefreshErrorRule::Means;

constexpr int64_t kMaxGraceS = 3600;
constexpr size_t kMaxLimits = 4;
constexpr int64_t kMaxRequests = 100'000;
constexpr int64_t kMaxWindowS = 86'400;
constexpr size_t kMaxRules = 32;
constexpr size_t kMaxCodes = 64;
constexpr size_t kMaxCodeBytes = 128;
constexpr size_t kMaxReasonBytes = 64;

bool is_reason(std::string_view text) {
    return !text.empty() && text.size() <= kMaxReasonBytes && text.front() >= 'a' && text.front() <= 'z' &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

// The list `member`, bounded; null if it is absent or wrong.
json::Value small_list(json::ObjectReader &reader, std::string_view member, size_t max_items) {
    json::Value list = reader.any(member);
    if (!list.is_null() && (!list.is_array() || list.size() > max_items)) {
        reader.refuse(member, "must be a list of at most " + std::to_string(max_items) + " objects");
        return {};
    }
    return list;
}

void read_reuse(json::ObjectReader &reader, RefreshReuse &out) {
    out.use =
        read_choice<Use>(reader, "refresh_token_use",
                         {{"reusable", Use::kReusable}, {"single_use", Use::kSingleUse}}, Use::kUnknown);
    out.grace_s = reader.integer_or("reuse_grace_s", 0, 1, kMaxGraceS);
    if (reader.has("reuse_grace_s") && out.use != Use::kSingleUse) {
        reader.refuse("reuse_grace_s", "is for refresh_token_use single_use only");
    }
}

RateLimit read_limit(const json::Value &object, const std::string &path, std::optional<Error> &problem) {
    json::ObjectReader reader(object, path);
    RateLimit out;
    for (const char *name : {"requests", "window_s"}) {
        if (!reader.has(name)) {
            reader.refuse(name, "must be there");
        }
    }
    out.requests = reader.integer_or("requests", 1, 1, kMaxRequests);
    out.window_s = reader.integer_or("window_s", 1, 1, kMaxWindowS);
    out.per = read_choice<Per>(reader, "per", {{"client", Per::kClient}, {"connection", Per::kConnection}},
                               Per::kClient);
    out.burst = reader.integer_or("burst", 0, 1, kMaxRequests);
    keep_problem(reader, problem);
    return out;
}

// A text or a list of texts; numbers and booleans count as their text, as they do in the answer.
std::vector<std::string> read_codes(json::ObjectReader &reader, std::string_view member) {
    json::Value value = reader.any(member);
    std::vector<std::string> out;
    for (size_t i = 0; i < (value.is_array() ? value.size() : 1) && i <= kMaxCodes; ++i) {
        out.push_back(scalar_text(value.is_array() ? value.at(i) : value.borrow()));
    }
    const bool good =
        !out.empty() && out.size() <= kMaxCodes && std::all_of(out.begin(), out.end(), [](const auto &code) {
            return !code.empty() && code.size() <= kMaxCodeBytes;
        });
    if (!good) {
        reader.refuse(member, "must be a text of at most 128 bytes, or a list of at most 64 of them");
    }
    return out;
}

RefreshErrorRule read_rule(const json::Value &object, const std::string &path,
                           std::optional<Error> &problem) {
    json::ObjectReader reader(object, path);
    RefreshErrorRule out;
    out.path = reader.string_or("path", "", 256);
    if (reader.has("path") && !is_json_path(out.path)) {
        reader.refuse("path", "must be a path such as error_codes.0 or /error/code");
    }
    out.equals = read_codes(reader, "equals");
    if (!reader.has("means")) {
        reader.refuse("means", "must be there");
    }
    out.means = read_choice<Means>(reader, "means",
                                   {{"user_action", Means::kUserAction},
                                    {"revoked", Means::kRevoked},
                                    {"throttled", Means::kThrottled},
                                    {"transient", Means::kTransient},
                                    {"configuration", Means::kConfiguration}},
                                   Means::kConfiguration);
    out.reason = reader.string_or("reason", std::string{object.get("means").as_string()}, kMaxReasonBytes);
    if (reader.has("reason") && !is_reason(out.reason)) {
        reader.refuse("reason", "must be a short snake_case name");
    }
    keep_problem(reader, problem);
    return out;
}

}  // namespace

void read_refresh(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                  std::optional<Error> &problem) {
    out.refresh_url = reader.string_or("refresh_url", "");
    out.refresh_with_access_token =
        read_choice<bool>(reader, "refresh_with", {{"refresh_token", false}, {"access_token", true}}, false);
    read_reuse(reader, out.reuse);
    const json::Value limits = small_list(reader, "rate_limits", kMaxLimits);
    for (size_t i = 0; i < limits.size(); ++i) {
        const std::string at = path + ".rate_limits." + std::to_string(i);
        out.rate_limits.push_back(read_limit(limits.at(i), at, problem));
    }
    const json::Value rules = small_list(reader, "refresh_errors", kMaxRules);
    for (size_t i = 0; i < rules.size(); ++i) {
        const std::string at = path + ".refresh_errors." + std::to_string(i);
        out.refresh_errors.push_back(read_rule(rules.at(i), at, problem));
    }
    out.dead_grant_errors = reader.strings_or_empty("dead_grant_errors", 32, 128);
}

}  // namespace nexus::control
