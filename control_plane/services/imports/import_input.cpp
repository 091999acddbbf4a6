// One connection to import: see import_input.h.
#include "control_plane/services/imports/import_input.h"

#include <algorithm>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_credentials.h"
#include "control_plane/services/connections/connection_labels.h"
#include "control_plane/services/credentials/credential_schema.h"
#include "control_plane/services/time_text.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxTokenBytes = 16 * 1024;
constexpr int64_t kMaxExpiresInS = 10LL * 365 * 24 * 3600;
constexpr std::string_view kDefaultReason = "imported";

bool is_plain_text(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_reason(std::string_view text) {
    return text.size() <= 64 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

std::string read_plain(json::ObjectReader &reader, std::string_view name) {
    std::string text = reader.string_or(name, "", 255);
    if (!is_plain_text(text)) {
        reader.refuse(name, "must have no control characters");
    }
    return text;
}

void read_state(json::ObjectReader &reader, ImportItem &item) {
    using connection::State;
    std::optional<State> state = connection::parse_state(reader.string_or("state", "active", 32));
    if (!state || *state == State::kPending || *state == State::kRevoked) {
        reader.refuse("state", "must be active, attention, failed or expired");
    }
    item.state = state.value_or(State::kActive);
    item.reason = reader.string_or("reason", "", 64);
    bool has_reason = item.state == State::kAttention || item.state == State::kFailed;
    if (!is_reason(item.reason)) {
        reader.refuse("reason", "must be of a-z, 0-9 and _");
    } else if (!has_reason && !item.reason.empty()) {
        reader.refuse("reason", "is for the states attention and failed");
    } else if (has_reason && item.reason.empty()) {
        item.reason = kDefaultReason;
    }
    item.credentials = item.state == State::kActive ? reader.required_object("credentials")
                                                    : reader.object_or_null("credentials");
    bool may_have = item.state == State::kActive || item.state == State::kAttention;
    if (!may_have && !item.credentials.is_null()) {
        reader.refuse("credentials", "is for the states active and attention");
    }
}

UnixMs read_past(json::ObjectReader &reader, std::string_view name, UnixMs now) {
    std::optional<std::string> text = reader.optional_string(name, 64);
    std::optional<UnixMs> at = text ? parse_rfc3339(*text) : UnixMs{0};
    if (!at || *at > now) {
        reader.refuse(name, "must be a time (RFC 3339) that has been");
    }
    return at.value_or(0);
}

Result<ImportedCredentials> read_token(const json::Value &credentials, UnixMs now) {
    json::ObjectReader reader(credentials, "credentials");
    TokenResponse token;
    token.outcome = TokenOutcome::kTokens;
    token.access_token = reader.required_secret("access_token", kMaxTokenBytes);
    token.token_type = reader.string_or("token_type", "Bearer", 64);
    token.refresh_token = reader.optional_secret("refresh_token", kMaxTokenBytes).value_or(Secret{});
    token.scope = reader.optional_string("scope", 4096);
    if (token.token_type.empty()) {
        token.token_type = "Bearer";
    }
    for (auto [name, text] :
         {std::pair{"access_token", token.access_token.view()},
          std::pair{"token_type", std::string_view{token.token_type}},
          std::pair{"refresh_token", token.refresh_token.view()},
          std::pair{"scope", token.scope ? std::string_view{*token.scope} : std::string_view{}}}) {
        if (!is_visible_ascii(text)) {
            reader.refuse(name, "must be of printable ASCII characters");
        }
    }
    ImportedCredentials out;
    if (reader.optional_secret("id_token", kMaxTokenBytes)) {
        out.left_out.emplace_back("credentials.id_token");
    }
    std::optional<std::string> expires_at = reader.optional_string("expires_at", 64);
    if (expires_at) {
        std::optional<UnixMs> at = parse_rfc3339(*expires_at);
        if (!at || *at <= 0 || *at > now + kMaxExpiresInS * 1000) {
            reader.refuse("expires_at", "must be a time (RFC 3339), at most ten years from now");
        }
        out.expires_at = at.value_or(0);
        out.says_when = true;
    }
    if (reader.has("expires_in")) {
        if (expires_at) {
            reader.refuse("expires_in", "must not stand beside expires_at");
        }
        token.expires_in_s = reader.integer_or("expires_in", 0, 0, kMaxExpiresInS);
        out.expires_at = expires_at_from(token, now);
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (token.scope) {
        out.scopes = split_scopes(*token.scope);
    }
    out.stored = credentials_from(token, Secret{});
    return out;
}

}  // namespace

Result<ImportItem> parse_import_item(const json::Value &object, UnixMs now) {
    json::ObjectReader reader(object);
    ImportItem item;
    item.provider_id = encoding::to_lower_ascii(reader.string_or("provider_id", "", 64));
    item.provider_name = reader.string_or("provider_name", "", 255);
    if (item.provider_id.empty() == item.provider_name.empty()) {
        reader.refuse("provider_id", "or provider_name must be there, one of them");
    }
    item.workspace_id = read_plain(reader, "workspace_id");
    item.user_id = read_plain(reader, "user_id");
    item.id = encoding::to_lower_ascii(reader.string_or("id", "", 64));
    item.scopes = reader.optional_strings("scopes", 100, 256);
    if (item.scopes && !std::all_of(item.scopes->begin(), item.scopes->end(), is_scope_token)) {
        reader.refuse("scopes", "must hold scope tokens (RFC 6749 section 3.3)");
    }
    json::Value labels = reader.object_or_null("labels");
    read_state(reader, item);
    item.created_at = read_past(reader, "created_at", now);
    item.replace = reader.boolean_or("replace", false);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (!labels.is_null()) {
        Result<std::string> checked = new_labels(labels);
        if (!checked) {
            return fail(checked.error());
        }
        item.labels = std::move(*checked);
    }
    if (reader.has("provider_id") && !encoding::is_uuid(item.provider_id)) {
        return fail(Errc::kInvalidProviderId, "member provider_id is not a UUID", "provider_id");
    }
    if (reader.has("id") && !encoding::is_uuid(item.id)) {
        return fail(Errc::kInvalidConnectionId, "member id is not a UUID", "id");
    }
    return item;
}

Result<ImportedCredentials> read_imported_credentials(const store::Provider &provider,
                                                      const json::Value &credentials, UnixMs now) {
    if (!is_static_auth_type(provider.auth_type)) {
        return read_token(credentials, now);
    }
    auto usage = read_credentials(credential_schema_of(provider), credentials);
    if (!usage) {
        return fail(usage.error());
    }
    ImportedCredentials out;
    out.stored.usage = std::move(*usage);
    return out;
}

}  // namespace nexus::control
