// CallerRecord from JSON, CallerView to JSON.
#include <array>

#include "tests/support/record-tool/record_json.h"

namespace nexus::tests {

namespace {

using record::CallerState;
using record::Grant;

constexpr std::array kGrants = {Grant::kTokenUse, Grant::kTokenRead, Grant::kConnectionCreate,
                                Grant::kConnectionRefresh, Grant::kAdmin};

}  // namespace

Result<record::CallerRecord> caller_from_json(const json_t *object) {
    ObjectReader reader(object);
    record::CallerRecord caller;
    caller.agent_id = reader.string("agent_id");
    caller.workspace_id = reader.string("workspace_id");
    caller.name = reader.string("name");
    caller.key_id = reader.string("key_id");
    caller.key_sha256 = reader.string("key_sha256");
    const std::string state = reader.string("state");
    caller.state = state == "revoked" ? CallerState::kRevoked : CallerState::kActive;
    if (state != "active" && state != "revoked") {
        reader.refuse("state", "neither active nor revoked");
    }
    caller.generation = static_cast<uint64_t>(reader.integer("generation"));
    caller.expires_at = reader.integer("expires_at");
    for (const std::string &name : reader.strings("grants")) {
        const auto grant = record::parse_grant(name);
        if (!grant) {
            reader.refuse("grants", "unknown grant");
            break;
        }
        caller.grants |= static_cast<uint32_t>(*grant);
    }
    caller.connections = reader.strings("connections");
    caller.providers = reader.strings("providers");
    caller.aliases = reader.pairs("aliases");
    if (Result<void> finished = reader.finish(); !finished) {
        return tl::unexpected(std::move(finished).error());
    }
    return caller;
}

JsonPtr to_json(const record::Header &header, const record::CallerView &record) {
    JsonPtr root{json_object()};
    const auto put = [&](const char *name, std::string_view value) {
        json_object_set_new(root.get(), name, to_json(value).release());
    };
    const auto put_list = [&](const char *name, size_t count, auto item_at) {
        json_t *array = json_array();
        for (size_t i = 0; i < count; ++i) {
            json_array_append_new(array, to_json(item_at(i)).release());
        }
        json_object_set_new(root.get(), name, array);
    };

    put("agent_id", record.agent_id());
    put("workspace_id", record.workspace_id());
    put("name", record.name());
    put("key_id", record.key_id());
    put("key_sha256", record.key_sha256());
    put("state", header.state == static_cast<uint8_t>(CallerState::kRevoked) ? "revoked" : "active");
    json_object_set_new(root.get(), "generation", json_integer(static_cast<json_int_t>(header.generation)));
    json_object_set_new(root.get(), "expires_at", json_integer(header.expires_at));
    json_t *grants = json_array();
    for (const Grant grant : kGrants) {
        if ((record.grants() & static_cast<uint32_t>(grant)) != 0) {
            json_array_append_new(grants, to_json(to_string(grant)).release());
        }
    }
    json_object_set_new(root.get(), "grants", grants);
    put_list("connections", record.connection_count(), [&](size_t i) { return record.connection_at(i); });
    put_list("providers", record.provider_count(), [&](size_t i) { return record.provider_at(i); });
    json_t *aliases = json_object();
    for (size_t i = 0; i < record.alias_count(); ++i) {
        const auto [alias, connection] = record.alias_at(i);
        json_object_set_new(aliases, std::string{alias}.c_str(), to_json(connection).release());
    }
    json_object_set_new(root.get(), "aliases", aliases);
    return root;
}

}  // namespace nexus::tests
