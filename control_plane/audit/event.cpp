// The chain's hash. Its input never changes for rows that exist: a new field joins at the end, under a new
// version.
#include "control_plane/audit/event.h"

#include <array>

#include "shared/encoding/utf8.h"

namespace nexus::control::audit {

namespace {

void append_number(std::string &bytes, uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(number >> shift));
    }
}

void append_field(std::string &bytes, std::string_view field) {
    append_number(bytes, field.size());
    bytes.append(field);
}

void cut(std::string &text, size_t limit) {
    if (text.size() <= limit) {
        return;
    }
    size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
        --end;  // not inside a UTF-8 sequence
    }
    text.resize(end);
}

/// PostgreSQL takes no NUL in text.
void drop_nul(std::string &text) {
    std::erase(text, '\0');
}

}  // namespace

std::string chain_input(std::string_view version, const StoredEvent &row) {
    std::string bytes;
    append_field(bytes, version);
    append_field(bytes, row.previous_hash);
    append_number(bytes, static_cast<uint64_t>(row.sequence));
    append_field(bytes, row.id);
    append_number(bytes, static_cast<uint64_t>(row.created_at));
    const Event &event = row.event;
    for (const std::string *field :
         std::array{&event.type, &event.workspace_id, &event.connection_id, &event.provider_id, &event.actor,
                    &event.ip_address, &event.user_agent, &event.data}) {
        append_field(bytes, *field);
    }
    return bytes;
}

crypto::Sha256 chain_hash(const StoredEvent &row) {
    return crypto::sha256(chain_input("nexus audit v1", row));
}

Event bounded(Event event) {
    for (std::string *field :
         std::array{&event.type, &event.workspace_id, &event.connection_id, &event.provider_id, &event.actor,
                    &event.ip_address, &event.user_agent}) {
        drop_nul(*field);
        *field = encoding::to_utf8(*field);  // a User-Agent may hold any bytes
        cut(*field, kMaxFieldBytes);
    }
    drop_nul(event.data);
    if (event.data.empty() || event.data.size() > kMaxDataBytes) {
        event.data = event.data.empty() ? "{}" : R"({"cut":true})";  // half a JSON text is none
    }
    return event;
}

}  // namespace nexus::control::audit
