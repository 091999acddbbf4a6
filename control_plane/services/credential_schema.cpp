// Which credentials a person is asked for: see credential_schema.h.
#include "control_plane/services/credential_schema.h"

#include <algorithm>

#include "control_plane/services/provider_params.h"

namespace nexus::control {

namespace {

constexpr std::string_view kPath = "profile.params.credential_schema";

tl::unexpected<Error> refuse(std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{kPath} + " " + std::string{sentence},
                std::string{kPath});
}

std::vector<std::string> strings_of(const json::Value &array) {
    std::vector<std::string> out;
    for (size_t i = 0; i < array.size(); ++i) {
        out.emplace_back(array.at(i).as_string());
    }
    return out;
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

bool CredentialSchema::has(std::string_view name) const noexcept {
    return std::find(properties.begin(), properties.end(), name) != properties.end();
}

Result<void> check_credential_schema(const json::Value &schema) {
    json::Value type = schema.get("type");
    json::Value properties = schema.get("properties");
    json::Value required = schema.get("required");
    if (!schema.is_object() || (!type.is_null() && type.as_string() != "object")) {
        return refuse("must be a JSON Schema of type object");
    }
    if (!properties.is_object() || properties.size() == 0 || properties.size() > kMaxCredentials) {
        return refuse("must have 1 to 32 properties");
    }
    for (const std::string &name : properties.names()) {
        json::Value property = properties.get(name);
        json::Value property_type = property.get("type");
        if (!property.is_object() || (!property_type.is_null() && property_type.as_string() != "string")) {
            return refuse("may have properties of type string only");
        }
    }
    if (!required.is_null() && !required.is_array()) {
        return refuse("must have an array in required");
    }
    for (const std::string &name : strings_of(required)) {
        if (!properties.contains(name)) {
            return refuse("requires what is no property");
        }
    }
    return {};
}

std::vector<std::string> credential_fields_of(const StrategyConfig &strategy) {
    if (strategy.type == "basic_auth") {
        return {strategy.get("username_field", "username"), strategy.get("password_field", "password")};
    }
    return {strategy.get("credential_field", "api_key")};
}

CredentialSchema credential_schema_of(const store::Provider &provider) {
    json::Value given = params_of(provider).get("credential_schema");
    if (given.is_object()) {
        return {given.get("properties").names(), strings_of(given.get("required"))};
    }
    std::vector<std::string> fields = credential_fields_of(strategy_of(provider));
    return {fields, fields};
}

json::Value credential_schema_json(const store::Provider &provider) {
    json::Value given = params_of(provider).get("credential_schema");
    if (given.is_object()) {
        return given;
    }
    CredentialSchema schema = credential_schema_of(provider);
    json::Value properties = json::Value::object();
    for (const std::string &name : schema.properties) {
        properties.set(name, std::move(json::Value::object().set("type", "string")));
    }
    json::Value out = json::Value::object();
    out.set("type", "object").set("properties", std::move(properties)).set("required", schema.required);
    return out;
}

Result<std::vector<std::pair<std::string, Secret>>> read_credentials(const CredentialSchema &schema,
                                                                     const json::Value &credentials) {
    json::ObjectReader reader(credentials, "credentials");
    std::vector<std::pair<std::string, Secret>> out;
    for (const std::string &name : schema.properties) {
        bool required =
            std::find(schema.required.begin(), schema.required.end(), name) != schema.required.end();
        std::optional<Secret> value;
        if (required) {
            value = reader.required_secret(name, kMaxCredentialBytes);
        } else {
            value = reader.optional_secret(name, kMaxCredentialBytes);
        }
        if (!value || value->empty()) {
            continue;
        }
        if (has_control_character(value->view())) {
            reader.refuse(name, "must have no control characters");
        }
        out.emplace_back(name, std::move(*value));
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return out;
}

}  // namespace nexus::control
