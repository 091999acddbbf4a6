// Sealed records and their payloads as an attacker in Redis would write them. The first byte chooses: the
// rest is a whole sealed record, a token payload or a caller payload. Payloads get the header they agree
// with, because an attacker who holds the cache key could give them one.
#include <string>

#include "shared/encoding/base64.h"
#include "shared/record/caller_record.h"
#include "shared/record/flat.h"
#include "shared/record/token_record.h"
#include "shared/strategy/strategy.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using fuzz::require;

const crypto::Keyring &keyring() {
    static const crypto::Keyring ring = std::move(
        crypto::Keyring::from_base64({"FUZZ_KEY", Secret{encoding::base64_encode(std::string(32, 'f'))}})
            .value());
    return ring;
}

template <typename Table>
record::Header agreeing_header(record::Kind kind, std::string_view payload) {
    record::Header header{};
    header.kind = kind;
    if (const auto *table = record::verified_root<Table>(payload)) {
        header.state = table->state();
        header.generation = table->generation();
        header.expires_at = table->expires_at();
    }
    return header;
}

void read_all(const record::TokenView &view) {
    size_t total = view.connection_id().size() + view.workspace_id().size() + view.provider_id().size() +
                   view.provider().size() + view.strategy().size() + view.api_base_url().size() +
                   view.attention_reason().size() + view.reconnect_url().size() + view.dpop_key().size() +
                   view.credential("api_key").size();
    for (size_t i = 0; i < view.credential_count(); ++i) {
        total += view.credential_at(i).first.size() + view.credential_at(i).second.size();
    }
    for (size_t i = 0; i < view.strategy_config_count(); ++i) {
        total += view.strategy_config_at(i).first.size() + view.strategy_config_at(i).second.size();
    }
    for (size_t i = 0; i < view.allowed_host_count(); ++i) {
        total += view.allowed_host_at(i).size();
    }
    for (size_t i = 0; i < view.scope_count(); ++i) {
        total += view.scope_at(i).size();
    }
    volatile size_t keep = total;
    (void)keep;
}

void token_payload(std::string_view payload) {
    const record::Header header = agreeing_header<record::fb::TokenRecord>(record::Kind::kToken, payload);
    const auto view = record::TokenView::parse(header, payload);
    if (!view) {
        return;
    }
    read_all(*view);
    if (const auto injection = strategy::injection_for(*view)) {
        require(injection->prefix.find_first_of("\r\n") == std::string_view::npos);
        require(injection->value.find_first_of("\r\n") == std::string_view::npos);
        require(injection->name.find_first_of("\r\n: ") == std::string::npos);
    }
}

void caller_payload(std::string_view payload) {
    const record::Header header = agreeing_header<record::fb::CallerRecord>(record::Kind::kCaller, payload);
    const auto view = record::CallerView::parse(header, payload);
    if (!view) {
        return;
    }
    for (size_t i = 0; i < view->connection_count(); ++i) {
        (void)view->may_see(view->workspace_id(), view->connection_at(i), "p");
    }
    require(!view->may_see(std::string{view->workspace_id()} + "x", "c", "p"));
}

void sealed_record(std::string_view sealed) {
    const auto header = record::parse_header(sealed);
    const auto opened = record::open(keyring(), "nexus:tok:{x}", sealed);
    require(header || !opened);
    require(!opened);  // the fuzzer cannot forge a tag
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string rest{nexus::fuzz::as_text(data + 1, size - 1)};  // aligned, and its end is guarded
    switch (data[0] % 3) {
        case 0:
            nexus::sealed_record(rest);
            break;
        case 1:
            nexus::token_payload(rest);
            break;
        default:
            nexus::caller_payload(rest);
    }
    return 0;
}
