// Reconnecting keeps the upstream account: see account_check.h.
#include "control_plane/services/connections/account_check.h"

#include <algorithm>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

constexpr std::string_view kDetail = "account";

tl::unexpected<Error> other_account() {
    return fail(Errc::kConflict, "another account granted than the one this connection belongs to",
                std::string{kDetail});
}

std::string kept_before(const store::Connection &connection, const std::string &field) {
    Result<json::Value> metadata = json::parse_object(connection.metadata);
    return metadata ? std::string{metadata->get(field).as_string()} : "";
}

std::string kept_now(const NamedTexts &kept, const std::string &field) {
    auto found =
        std::find_if(kept.begin(), kept.end(), [&](const auto &entry) { return entry.first == field; });
    return found == kept.end() ? "" : found->second;
}

}  // namespace

Result<void> check_same_account(const store::Connection &connection, const OAuthProfile &profile,
                                const std::string &subject, const NamedTexts &kept) {
    if (connection.flow_allows_other_account) {
        return {};
    }
    if (!connection.account_subject.empty() && connection.account_subject != subject) {
        return other_account();
    }
    if (profile.account_field.empty()) {
        return {};
    }
    std::string before = kept_before(connection, profile.account_field);
    return before.empty() || before == kept_now(kept, profile.account_field) ? Result<void>{}
                                                                             : other_account();
}

void disown(store::ConnectionChange &change, const std::string &account_field, const NamedTexts &kept) {
    change.account_subject = change.account_subject.value_or("");
    if (account_field.empty() || !kept_now(kept, account_field).empty()) {
        return;
    }
    if (Result<json::Value> metadata = json::parse_object(change.metadata.value_or("{}"))) {
        metadata->erase(account_field);
        change.metadata = metadata->dump_text();
    }
}

bool is_other_account(const Error &error) noexcept {
    return error.errc == Errc::kConflict && error.detail == kDetail;
}

}  // namespace nexus::control
