// Between the owned CallerRecord, its FlatBuffers payload and the view that the edge reads in place; grants.
#include "shared/record/caller_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shared/encoding/character_set.h"
#include "shared/encoding/record_id.h"
#include "shared/record/flat.h"
#include "shared/record/flat_pairs.h"
#include "shared/redis/keys.h"

namespace nexus::record {

namespace {

constexpr std::array<std::pair<Grant, std::string_view>, 5> kGrantNames = {{
    {Grant::kTokenUse, "token:use"},
    {Grant::kTokenRead, "token:read"},
    {Grant::kConnectionCreate, "connection:create"},
    {Grant::kConnectionRefresh, "connection:refresh"},
    {Grant::kAdmin, "admin"},
}};

constexpr encoding::CharacterSet kLowerAndDigits{"abcdefghijklmnopqrstuvwxyz0123456789"};
constexpr encoding::CharacterSet kBase64Url{
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
constexpr std::string_view kAgentKeyPrefix = "nxa_";
constexpr size_t kAgentKeyIdChars = 16;
constexpr size_t kAgentKeySecretChars = 43;

bool holds(const FlatStrings *list, std::string_view item) {
    return std::any_of(list->begin(), list->end(), [&](const auto *entry) { return text(entry) == item; });
}

const fb::CallerRecord &as_table(const void *root) {
    return *static_cast<const fb::CallerRecord *>(root);
}

std::string_view item_at(const FlatStrings *list, size_t index) {
    return text(list->Get(static_cast<flatbuffers::uoffset_t>(index)));
}

}  // namespace

std::string_view to_string(Grant grant) noexcept {
    for (const auto &[known, name] : kGrantNames) {
        if (known == grant) {
            return name;
        }
    }
    return "unknown";
}

std::optional<Grant> parse_grant(std::string_view name) noexcept {
    for (const auto &[grant, known] : kGrantNames) {
        if (known == name) {
            return grant;
        }
    }
    return std::nullopt;
}

bool has_grant(uint32_t grants, Grant wanted) noexcept {
    return (grants & (static_cast<uint32_t>(wanted) | static_cast<uint32_t>(Grant::kAdmin))) != 0;
}

Header header_of(const CallerRecord &record) {
    Header header{};
    header.kind = Kind::kCaller;
    header.state = static_cast<uint8_t>(record.state);
    header.generation = record.generation;
    header.expires_at = record.expires_at;
    return header;
}

Result<Secret> encode_caller(const CallerRecord &record) {
    if (!encoding::is_sha256_hex(record.key_sha256)) {
        return fail(Errc::kMalformedRecord,
                    "key_sha256 of a caller record is not 64 lower-case hexadecimal digits");
    }

    WipingAllocator allocator;
    flatbuffers::FlatBufferBuilder builder(1024, &allocator);
    const auto agent_id = required_string(builder, record.agent_id);
    const auto workspace_id = required_string(builder, record.workspace_id);
    const auto name = optional_string(builder, record.name);
    const auto key_id = required_string(builder, record.key_id);
    const auto key_sha256 = required_string(builder, record.key_sha256);
    const auto connections = string_list(builder, record.connections);
    const auto providers = string_list(builder, record.providers);
    const auto aliases = pair_list(builder, record.aliases);

    fb::CallerRecordBuilder table(builder);
    table.add_agent_id(agent_id);
    table.add_workspace_id(workspace_id);
    table.add_name(name);
    table.add_key_id(key_id);
    table.add_key_sha256(key_sha256);
    table.add_state(static_cast<uint8_t>(record.state));
    table.add_generation(record.generation);
    table.add_expires_at(record.expires_at);
    table.add_grants(record.grants);
    table.add_connections(connections);
    table.add_providers(providers);
    table.add_aliases(aliases);
    builder.Finish(table.Finish());
    return finished_payload(builder);
}

Result<std::string> seal_caller(const crypto::Keyring &keyring, const CallerRecord &record) {
    Result<Secret> payload = encode_caller(record);
    if (!payload) {
        return tl::unexpected(std::move(payload).error());
    }
    return seal(keyring, header_of(record), redis::caller_key(record.key_sha256), payload->view());
}

Result<CallerView> CallerView::parse(const Header &header, std::string_view payload) {
    if (header.kind != Kind::kCaller) {
        return fail(Errc::kMalformedRecord, "this record is no caller record");
    }
    const auto *table = verified_root<fb::CallerRecord>(payload);
    if (table == nullptr || !encoding::is_sha256_hex(text(table->key_sha256()))) {
        return fail(Errc::kMalformedRecord, "the payload is no caller record");
    }
    if (!agrees(*table, header)) {
        return fail(Errc::kMalformedRecord, "the caller record disagrees with its header");
    }

    CallerView view;
    view.root_ = table;
    return view;
}

std::string_view CallerView::agent_id() const {
    return text(as_table(root_).agent_id());
}

std::string_view CallerView::workspace_id() const {
    return text(as_table(root_).workspace_id());
}

std::string_view CallerView::name() const {
    return text(as_table(root_).name());
}

std::string_view CallerView::key_id() const {
    return text(as_table(root_).key_id());
}

std::string_view CallerView::key_sha256() const {
    return text(as_table(root_).key_sha256());
}

uint32_t CallerView::grants() const {
    return as_table(root_).grants();
}

size_t CallerView::connection_count() const {
    return count(as_table(root_).connections());
}

std::string_view CallerView::connection_at(size_t index) const {
    return item_at(as_table(root_).connections(), index);
}

size_t CallerView::provider_count() const {
    return count(as_table(root_).providers());
}

std::string_view CallerView::provider_at(size_t index) const {
    return item_at(as_table(root_).providers(), index);
}

size_t CallerView::alias_count() const {
    return count(as_table(root_).aliases());
}

std::pair<std::string_view, std::string_view> CallerView::alias_at(size_t index) const {
    return pair_at(as_table(root_).aliases(), index);
}

std::string_view CallerView::connection_called(std::string_view alias) const {
    return find_value(as_table(root_).aliases(), alias);
}

bool CallerView::may_see(std::string_view workspace_id, std::string_view connection_id,
                         std::string_view provider) const {
    const fb::CallerRecord &caller = as_table(root_);
    if (text(caller.workspace_id()) != workspace_id) {
        return false;
    }
    if (count(caller.connections()) > 0 && !holds(caller.connections(), connection_id)) {
        return false;
    }
    return count(caller.providers()) == 0 || holds(caller.providers(), provider);
}

bool is_alias(std::string_view text) noexcept {
    constexpr encoding::CharacterSet kCharacters{"abcdefghijklmnopqrstuvwxyz0123456789._-"};
    constexpr size_t kLongest = 63;
    return !text.empty() && text.size() <= kLongest && kCharacters.covers(text) &&
           kLowerAndDigits.covers(text.substr(0, 1)) && !encoding::is_canonical_uuid(text);
}

bool is_agent_key(std::string_view text) noexcept {
    constexpr size_t kIdAt = kAgentKeyPrefix.size();
    constexpr size_t kSecretAt = kIdAt + kAgentKeyIdChars + 1;
    static_assert(kSecretAt + kAgentKeySecretChars == kAgentKeyChars);
    return text.size() == kAgentKeyChars && text.starts_with(kAgentKeyPrefix) && text[kSecretAt - 1] == '_' &&
           kLowerAndDigits.covers(text.substr(kIdAt, kAgentKeyIdChars)) &&
           kBase64Url.covers(text.substr(kSecretAt));
}

}  // namespace nexus::record
