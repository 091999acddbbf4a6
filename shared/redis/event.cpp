// The JSON of events on nexus:events. A publisher is a peer: its ids must have the one form that keys use.
#include <jansson.h>
#include <memory>

#include "shared/encoding/record_id.h"
#include "shared/redis/keys.h"

namespace nexus::redis {

namespace {

constexpr size_t kMaxEventBytes = 4096;

struct JsonDelete {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};
using JsonPtr = std::unique_ptr<json_t, JsonDelete>;

std::string_view string_member(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        return {};
    }
    return {json_string_value(value), json_string_length(value)};
}

tl::unexpected<Error> malformed(std::string detail) {
    return fail(Errc::kMalformedRecord, "malformed event", std::move(detail));
}

}  // namespace

std::string to_json(const Event &event) {
    // Ids are hexadecimal digits and dashes: nothing to escape.
    std::string json;
    json.append(R"({"kind":")").append(to_string(event.kind));
    json.append(R"(","id":")").append(event.id);
    json.append(R"(","generation":)").append(std::to_string(event.generation)).append("}");
    return json;
}

Result<Event> parse_event(std::string_view json) {
    if (json.size() > kMaxEventBytes) {
        return malformed("longer than 4096 bytes");
    }
    const JsonPtr root{json_loadb(json.data(), json.size(), JSON_REJECT_DUPLICATES, nullptr)};
    if (root == nullptr || !json_is_object(root.get())) {
        return malformed("not a JSON object");
    }

    const std::optional<EventKind> kind = parse_event_kind(string_member(root.get(), "kind"));
    const std::string_view id = string_member(root.get(), "id");
    const json_t *generation = json_object_get(root.get(), "generation");
    if (!kind) {
        return malformed("kind");
    }
    if (!json_is_integer(generation) || json_integer_value(generation) < 0) {
        return malformed("generation");
    }
    if (*kind == EventKind::kToken ? !encoding::is_canonical_uuid(id) : !encoding::is_sha256_hex(id)) {
        return malformed("id");
    }
    return Event{
        .kind = *kind,
        .id = std::string{id},
        .generation = static_cast<uint64_t>(json_integer_value(generation)),
    };
}

}  // namespace nexus::redis
