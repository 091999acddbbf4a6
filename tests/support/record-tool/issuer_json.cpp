// IssuerRecord from and to JSON.
#include "tests/support/record-tool/record_json.h"

namespace nexus::tests {

using record::IssuerState;

Result<record::IssuerRecord> issuer_from_json(const json_t *object) {
    ObjectReader reader(object);
    record::IssuerRecord issuer;
    issuer.issuer = reader.string("issuer");
    issuer.workspace_id = reader.string("workspace_id");
    const std::string state = reader.string("state");
    issuer.state = state == "removed" ? IssuerState::kRemoved : IssuerState::kTrusted;
    if (state != "trusted" && state != "removed") {
        reader.refuse("state", "neither trusted nor removed");
    }
    issuer.generation = static_cast<uint64_t>(reader.integer("generation"));
    issuer.audiences = reader.strings("audiences");
    issuer.algorithms = reader.strings("algorithms");
    issuer.jwks = reader.string("jwks");
    issuer.leeway_s = static_cast<uint32_t>(reader.integer("leeway_s"));
    issuer.max_age_s = static_cast<uint32_t>(reader.integer("max_age_s"));
    if (Result<void> finished = reader.finish(); !finished) {
        return tl::unexpected(std::move(finished).error());
    }
    return issuer;
}

JsonPtr to_json(const record::IssuerRecord &record) {
    JsonPtr root{json_object()};
    const auto put = [&](const char *name, json_t *value) { json_object_set_new(root.get(), name, value); };
    const auto list = [](const std::vector<std::string> &items) {
        json_t *array = json_array();
        for (const std::string &item : items) {
            json_array_append_new(array, to_json(item).release());
        }
        return array;
    };
    put("issuer", to_json(record.issuer).release());
    put("workspace_id", to_json(record.workspace_id).release());
    put("state", json_string(record.state == IssuerState::kRemoved ? "removed" : "trusted"));
    put("generation", json_integer(static_cast<json_int_t>(record.generation)));
    put("audiences", list(record.audiences));
    put("algorithms", list(record.algorithms));
    put("jwks", to_json(record.jwks).release());
    put("leeway_s", json_integer(record.leeway_s));
    put("max_age_s", json_integer(record.max_age_s));
    return root;
}

}  // namespace nexus::tests
