// TokenRecord from JSON, TokenView to JSON.
#include "tests/support/record-tool/record_json.h"

namespace nexus::tests {

Result<record::TokenRecord> token_from_json(const json_t *object) {
    ObjectReader reader(object);
    record::TokenRecord token;
    token.connection_id = reader.string("connection_id");
    token.workspace_id = reader.string("workspace_id");
    token.provider_id = reader.string("provider_id");
    token.provider = reader.string("provider");
    if (const auto state = connection::parse_state(reader.string("state"))) {
        token.state = *state;
    } else {
        reader.refuse("state", "none of pending, active, attention, failed, expired, revoked");
    }
    token.generation = static_cast<uint64_t>(reader.integer("generation"));
    token.expires_at = reader.integer("expires_at");
    token.refreshable = reader.boolean("refreshable");
    token.strategy = reader.string("strategy");
    token.strategy_config = reader.pairs("strategy_config");
    for (auto &[name, value] : reader.pairs("credentials")) {
        token.credentials.emplace_back(name, Secret{std::move(value)});
    }
    token.api_base_url = reader.string("api_base_url");
    token.allowed_hosts = reader.strings("allowed_hosts");
    token.scopes = reader.strings("scopes");
    token.attention_reason = reader.string("attention_reason");
    token.reconnect_url = reader.string("reconnect_url");
    token.request_rules = reader.strings("request_rules");
    token.dpop_key = Secret{reader.string("dpop_key")};
    if (Result<void> finished = reader.finish(); !finished) {
        return tl::unexpected(std::move(finished).error());
    }
    return token;
}

JsonPtr to_json(const record::TokenView &record) {
    JsonPtr root{json_object()};
    const auto put = [&](const char *name, std::string_view value) {
        json_object_set_new(root.get(), name, to_json(value).release());
    };
    const auto put_pairs = [&](const char *name, size_t count, auto pair_at) {
        json_t *object = json_object();
        for (size_t i = 0; i < count; ++i) {
            const auto [key, value] = pair_at(i);
            json_object_set_new(object, std::string{key}.c_str(), to_json(value).release());
        }
        json_object_set_new(root.get(), name, object);
    };
    const auto put_list = [&](const char *name, size_t count, auto item_at) {
        json_t *array = json_array();
        for (size_t i = 0; i < count; ++i) {
            json_array_append_new(array, to_json(item_at(i)).release());
        }
        json_object_set_new(root.get(), name, array);
    };

    put("connection_id", record.connection_id());
    put("workspace_id", record.workspace_id());
    put("provider_id", record.provider_id());
    put("provider", record.provider());
    put("state", connection::to_string(record.state()));
    json_object_set_new(root.get(), "generation", json_integer(static_cast<json_int_t>(record.generation())));
    json_object_set_new(root.get(), "expires_at", json_integer(record.expires_at()));
    json_object_set_new(root.get(), "refreshable", json_boolean(record.refreshable()));
    put("strategy", record.strategy());
    put_pairs("strategy_config", record.strategy_config_count(),
              [&](size_t i) { return record.strategy_config_at(i); });
    put_pairs("credentials", record.credential_count(), [&](size_t i) { return record.credential_at(i); });
    put("api_base_url", record.api_base_url());
    put_list("allowed_hosts", record.allowed_host_count(),
             [&](size_t i) { return record.allowed_host_at(i); });
    put_list("scopes", record.scope_count(), [&](size_t i) { return record.scope_at(i); });
    put("attention_reason", record.attention_reason());
    put("reconnect_url", record.reconnect_url());
    put_list("request_rules", record.request_rule_count(),
             [&](size_t i) { return record.request_rule_at(i); });
    if (!record.dpop_key().empty()) {
        put("dpop_key", record.dpop_key());
    }
    return root;
}

}  // namespace nexus::tests
