// Between the owned TokenRecord, its FlatBuffers payload and the view that the edge reads in place.
#include "shared/record/token_record.h"

#include "shared/encoding/record_id.h"
#include "shared/record/flat.h"
#include "shared/record/flat_pairs.h"
#include "shared/redis/keys.h"

namespace nexus::record {

namespace {

const fb::TokenRecord &as_table(const void *root) {
    return *static_cast<const fb::TokenRecord *>(root);
}

}  // namespace

Header header_of(const TokenRecord &record) {
    Header header{};
    header.kind = Kind::kToken;
    header.state = static_cast<uint8_t>(record.state);
    header.generation = record.generation;
    header.expires_at = record.expires_at;
    return header;
}

Result<Secret> encode_token(const TokenRecord &record) {
    if (!encoding::is_canonical_uuid(record.connection_id)) {
        return fail(Errc::kMalformedRecord, "connection_id of a token record is not a canonical UUID");
    }

    WipingAllocator allocator;
    flatbuffers::FlatBufferBuilder builder(2048, &allocator);
    const auto connection_id = required_string(builder, record.connection_id);
    const auto workspace_id = required_string(builder, record.workspace_id);
    const auto provider_id = optional_string(builder, record.provider_id);
    const auto provider = required_string(builder, record.provider);
    const auto strategy = optional_string(builder, record.strategy);
    const auto strategy_config = pair_list(builder, record.strategy_config);
    const auto credentials = pair_list(builder, record.credentials);
    const auto api_base_url = optional_string(builder, record.api_base_url);
    const auto allowed_hosts = string_list(builder, record.allowed_hosts);
    const auto scopes = string_list(builder, record.scopes);
    const auto attention_reason = optional_string(builder, record.attention_reason);
    const auto reconnect_url = optional_string(builder, record.reconnect_url);
    const auto request_rules = string_list(builder, record.request_rules);
    const auto dpop_key = optional_string(builder, record.dpop_key.view());

    fb::TokenRecordBuilder table(builder);
    table.add_connection_id(connection_id);
    table.add_workspace_id(workspace_id);
    table.add_provider_id(provider_id);
    table.add_provider(provider);
    table.add_state(static_cast<uint8_t>(record.state));
    table.add_generation(record.generation);
    table.add_expires_at(record.expires_at);
    table.add_refreshable(record.refreshable);
    table.add_strategy(strategy);
    table.add_strategy_config(strategy_config);
    table.add_credentials(credentials);
    table.add_api_base_url(api_base_url);
    table.add_allowed_hosts(allowed_hosts);
    table.add_scopes(scopes);
    table.add_attention_reason(attention_reason);
    table.add_reconnect_url(reconnect_url);
    table.add_request_rules(request_rules);
    table.add_dpop_key(dpop_key);
    builder.Finish(table.Finish());
    return finished_payload(builder);
}

Result<std::string> seal_token(const crypto::Keyring &keyring, const TokenRecord &record) {
    Result<Secret> payload = encode_token(record);
    if (!payload) {
        return tl::unexpected(std::move(payload).error());
    }
    return seal(keyring, header_of(record), redis::token_key(record.connection_id), payload->view());
}

Result<TokenView> TokenView::parse(const Header &header, std::string_view payload) {
    if (header.kind != Kind::kToken) {
        return fail(Errc::kMalformedRecord, "this record is no token record");
    }
    const auto *table = verified_root<fb::TokenRecord>(payload);
    if (table == nullptr || !encoding::is_canonical_uuid(text(table->connection_id()))) {
        return fail(Errc::kMalformedRecord, "the payload is no token record");
    }
    if (!agrees(*table, header)) {
        return fail(Errc::kMalformedRecord, "the token record disagrees with its header");
    }

    TokenView view;
    view.root_ = table;
    return view;
}

TokenView TokenView::parsed_before(std::string_view payload) noexcept {
    TokenView view;
    view.root_ = flatbuffers::GetRoot<fb::TokenRecord>(payload.data());
    return view;
}

std::string_view TokenView::connection_id() const {
    return text(as_table(root_).connection_id());
}

std::string_view TokenView::workspace_id() const {
    return text(as_table(root_).workspace_id());
}

std::string_view TokenView::provider_id() const {
    return text(as_table(root_).provider_id());
}

std::string_view TokenView::provider() const {
    return text(as_table(root_).provider());
}

connection::State TokenView::state() const {
    return static_cast<connection::State>(as_table(root_).state());  // parse_header knew it
}

uint64_t TokenView::generation() const {
    return as_table(root_).generation();
}

UnixMs TokenView::expires_at() const {
    return as_table(root_).expires_at();
}

bool TokenView::refreshable() const {
    return as_table(root_).refreshable();
}

std::string_view TokenView::strategy() const {
    return text(as_table(root_).strategy());
}

std::string_view TokenView::strategy_config(std::string_view name) const {
    return find_value(as_table(root_).strategy_config(), name);
}

std::string_view TokenView::credential(std::string_view name) const {
    return find_value(as_table(root_).credentials(), name);
}

size_t TokenView::credential_count() const {
    return count(as_table(root_).credentials());
}

std::pair<std::string_view, std::string_view> TokenView::credential_at(size_t index) const {
    return pair_at(as_table(root_).credentials(), index);
}

size_t TokenView::strategy_config_count() const {
    return count(as_table(root_).strategy_config());
}

std::pair<std::string_view, std::string_view> TokenView::strategy_config_at(size_t index) const {
    return pair_at(as_table(root_).strategy_config(), index);
}

std::string_view TokenView::api_base_url() const {
    return text(as_table(root_).api_base_url());
}

size_t TokenView::allowed_host_count() const {
    return count(as_table(root_).allowed_hosts());
}

std::string_view TokenView::allowed_host_at(size_t index) const {
    return text(as_table(root_).allowed_hosts()->Get(static_cast<flatbuffers::uoffset_t>(index)));
}

size_t TokenView::scope_count() const {
    return count(as_table(root_).scopes());
}

std::string_view TokenView::scope_at(size_t index) const {
    return text(as_table(root_).scopes()->Get(static_cast<flatbuffers::uoffset_t>(index)));
}

std::string_view TokenView::attention_reason() const {
    return text(as_table(root_).attention_reason());
}

std::string_view TokenView::reconnect_url() const {
    return text(as_table(root_).reconnect_url());
}

size_t TokenView::request_rule_count() const {
    return count(as_table(root_).request_rules());
}

std::string_view TokenView::request_rule_at(size_t index) const {
    return text(as_table(root_).request_rules()->Get(static_cast<flatbuffers::uoffset_t>(index)));
}

std::string_view TokenView::dpop_key() const {
    return text(as_table(root_).dpop_key());
}

}  // namespace nexus::record
