// Which credentials a person is asked for: see credential_schema.h. Values are credential_check.cpp's.
#include "control_plane/services/credentials/credential_schema.h"

#include <algorithm>
#include <array>

#include "control_plane/services/credentials/credential_pattern.h"
#include "control_plane/services/providers/provider_params.h"

namespace nexus::control {

namespace {

constexpr std::string_view kPath = "profile.params.credential_schema";
constexpr size_t kMaxOptions = 100;
constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kMaxNameBytes = 64;
// What they forbid would not be checked, so a schema with them would be a false promise.
constexpr std::array<std::string_view, 9> kNotUnderstood{
    "$ref", "allOf", "anyOf", "oneOf", "not", "if", "const", "patternProperties", "dependentRequired"};

tl::unexpected<Error> refuse(std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{kPath} + " " + std::string{sentence},
                std::string{kPath});
}

bool has_keyword_not_understood(const json::Value &schema) {
    return std::any_of(kNotUnderstood.begin(), kNotUnderstood.end(),
                       [&](std::string_view name) { return schema.contains(name); });
}

bool is_short_text(const json::Value &value) {
    return value.is_null() || (value.is_string() && value.as_string().size() <= kMaxTextBytes);
}

bool is_array_of_short_texts(const json::Value &value, size_t max_items) {
    bool sane = value.is_array() && value.size() <= max_items;
    for (size_t i = 0; sane && i < value.size(); ++i) {
        sane = value.at(i).is_string() && is_short_text(value.at(i));
    }
    return sane;
}

bool is_length(const json::Value &value) {
    return value.is_null() || (value.is_integer() && value.as_integer() >= 0 &&
                               value.as_integer() <= static_cast<int64_t>(kMaxCredentialBytes));
}

// Names become names of form fields; the leading underscore is for the form's own.
bool is_field_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '_' &&
           std::none_of(name.begin(), name.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::vector<std::string> strings_of(const json::Value &array) {
    std::vector<std::string> out;
    for (size_t i = 0; i < array.size(); ++i) {
        out.emplace_back(array.at(i).as_string());
    }
    return out;
}

Result<void> check_property(const std::string &name, const json::Value &property) {
    json::Value type = property.get("type");
    if (!is_field_name(name)) {
        return refuse("has a property whose name is empty, too long or begins with _");
    }
    if (!property.is_object() || (!type.is_null() && type.as_string() != "string")) {
        return refuse("may have properties of type string only");
    }
    if (has_keyword_not_understood(property)) {
        return refuse("has a keyword in property " + name + " that is not supported");
    }
    for (std::string_view text : {"title", "description", "format", "default", "pattern"}) {
        if (!is_short_text(property.get(text))) {
            return refuse("must have a string of at most 1024 bytes as " + std::string{text});
        }
    }
    if (property.contains("enum") &&
        (property.get("enum").size() == 0 || !is_array_of_short_texts(property.get("enum"), kMaxOptions))) {
        return refuse("must have 1 to 100 strings as enum");
    }
    if (property.contains("examples") && !is_array_of_short_texts(property.get("examples"), kMaxOptions)) {
        return refuse("must have strings as examples");
    }
    if (!is_length(property.get("minLength")) || !is_length(property.get("maxLength"))) {
        return refuse("must have numbers from 0 to 8192 as minLength and maxLength");
    }
    if (property.contains("writeOnly") && !property.get("writeOnly").is_boolean()) {
        return refuse("must have true or false as writeOnly");
    }
    if (!is_usable_pattern(property.get("pattern").as_string())) {
        return refuse("has a pattern in property " + name +
                      " that cannot be checked in linear time (RE2 syntax, at most 512 bytes)");
    }
    return {};
}

CredentialField read_property(const std::string &name, const json::Value &property) {
    CredentialField field;
    field.name = name;
    field.title = property.get("title").as_string();
    field.description = property.get("description").as_string();
    field.format = property.get("format").as_string();
    field.pattern = property.get("pattern").as_string();
    field.example = property.get("examples").at(0).as_string();
    field.default_value = property.get("default").as_string();
    field.options = strings_of(property.get("enum"));
    field.is_secret = property.get("writeOnly").as_boolean() || field.format == "password";
    field.min_length = static_cast<size_t>(property.get("minLength").as_integer());
    if (property.contains("maxLength")) {
        field.max_length = static_cast<size_t>(property.get("maxLength").as_integer());
    }
    return field;
}

json::Value implied_schema(const StrategyConfig &strategy) {
    std::vector<std::string> fields = credential_fields_of(strategy);
    json::Value properties = json::Value::object();
    for (const std::string &name : fields) {
        properties.set(name, std::move(json::Value::object().set("type", "string")));
    }
    json::Value out = json::Value::object();
    out.set("type", "object")
        .set("properties", std::move(properties))
        .set("required", required_credentials_of(strategy));
    return out;
}

}  // namespace

const CredentialField *CredentialSchema::find(std::string_view name) const noexcept {
    auto found = std::find_if(fields.begin(), fields.end(),
                              [&](const CredentialField &field) { return field.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

Result<void> check_credential_schema(const json::Value &schema) {
    json::Value type = schema.get("type");
    json::Value properties = schema.get("properties");
    json::Value required = schema.get("required");
    if (!schema.is_object() || (!type.is_null() && type.as_string() != "object")) {
        return refuse("must be a JSON Schema of type object");
    }
    if (has_keyword_not_understood(schema)) {
        return refuse("has a keyword that is not supported");
    }
    if (!is_short_text(schema.get("title")) || !is_short_text(schema.get("description"))) {
        return refuse("must have strings of at most 1024 bytes as title and description");
    }
    if (!properties.is_object() || properties.size() == 0 || properties.size() > kMaxCredentials) {
        return refuse("must have 1 to 32 properties");
    }
    for (const std::string &name : properties.names()) {
        if (Result<void> checked = check_property(name, properties.get(name)); !checked) {
            return checked;
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

namespace {

// Each once: two headers may show the same credential.
std::vector<std::string> header_fields(const StrategyConfig &strategy) {
    std::vector<std::string> out{strategy.get("credential_field", "api_key")};
    for (size_t i = 1; i < strategy::kMaxHeaderLines; ++i) {
        std::string field = strategy.get(strategy::kHeaderMembers.at(i).credential_field, "");
        if (!field.empty() && std::ranges::find(out, field) == out.end()) {
            out.push_back(std::move(field));
        }
    }
    return out;
}

}  // namespace

std::vector<std::string> credential_fields_of(const StrategyConfig &strategy) {
    if (strategy.type == "basic_auth") {
        return {strategy.get("username_field", "username"), strategy.get("password_field", "password")};
    }
    if (strategy.type == "hmac_payload") {
        return {strategy.get("secret_field", "api_secret")};
    }
    if (strategy.type == "aws_sigv4") {
        return {"access_key", "secret_key", "session_token"};
    }
    if (strategy.type == "oauth1") {
        return {"consumer_key", "consumer_secret", "token", "token_secret"};
    }
    if (strategy.type == "header") {
        return header_fields(strategy);
    }
    return {strategy.get("credential_field", "api_key")};
}

std::vector<std::string> required_credentials_of(const StrategyConfig &strategy) {
    std::vector<std::string> fields = credential_fields_of(strategy);
    if (strategy.type == "aws_sigv4") {
        fields.pop_back();  // session_token: temporary credentials only
    }
    if (strategy.type == "oauth1") {
        fields.resize(2);  // without a token: one's own credentials alone
    }
    return fields;
}

CredentialSchema credential_schema_of(const store::Provider &provider) {
    StrategyConfig strategy = strategy_of(provider);
    json::Value schema = credential_schema_json(provider);
    json::Value properties = schema.get("properties");
    CredentialSchema out;
    out.title = schema.get("title").as_string();
    out.description = schema.get("description").as_string();
    for (const std::string &name : properties.names()) {
        out.fields.push_back(read_property(name, properties.get(name)));
    }
    std::vector<std::string> required = strings_of(schema.get("required"));
    std::vector<std::string> used = credential_fields_of(strategy);
    std::string username = strategy.type == "basic_auth" ? used.front() : "";
    for (CredentialField &field : out.fields) {
        auto is_among = [&](const std::vector<std::string> &names) {
            return std::find(names.begin(), names.end(), field.name) != names.end();
        };
        bool said = properties.get(field.name).contains("writeOnly");
        field.is_required = is_among(required);
        field.is_secret = field.is_secret || (!said && is_among(used) && field.name != username);
    }
    return out;
}

json::Value credential_schema_json(const store::Provider &provider) {
    json::Value given = params_of(provider).get("credential_schema");
    return given.is_object() ? std::move(given) : implied_schema(strategy_of(provider));
}

}  // namespace nexus::control
