// Aliases between bodies, rows and records.
#include "control_plane/services/agents/aliases.h"

#include "shared/encoding/hex.h"
#include "shared/record/caller_record.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> refuse(std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member aliases " + std::string{sentence}, "aliases");
}

}  // namespace

Result<Aliases> read_aliases(const json::Value &given) {
    Aliases aliases;
    for (const std::string &name : given.names()) {
        const json::Value id = given.get(name);
        if (!id.is_string()) {
            return refuse("must have strings as values");
        }
        aliases.emplace(name, id.as_string());
    }
    return aliases;
}

Result<std::string> checked_aliases(const Aliases &wanted) {
    if (wanted.size() > record::kMaxAliases) {
        return refuse("must be 256 at most");
    }
    json::Value out = json::Value::object();
    for (const auto &[name, id] : wanted) {
        if (!record::is_alias(name)) {
            return refuse(
                "must have names of 1 to 63 lower-case letters, digits, '.', '_' and '-', which begin with a "
                "letter or a digit and are no UUIDs");
        }
        if (!encoding::is_uuid(id)) {
            return refuse("must have UUIDs of connections as values");
        }
        out.set(name, encoding::to_lower_ascii(id));
    }
    return out.dump_canonical();
}

Result<Aliases> parse_aliases(std::string_view stored) {
    Result<json::Value> object = json::parse_object(stored);
    Result<Aliases> aliases = object ? read_aliases(*object) : fail(object.error());
    if (!aliases) {
        return fail(Errc::kStoreUnavailable, "the database holds an agent with unreadable aliases");
    }
    return aliases;
}

json::Value aliases_json(std::string_view stored) {
    Result<json::Value> object = json::parse_object(stored);
    return object ? std::move(*object) : json::Value::object();
}

}  // namespace nexus::control
