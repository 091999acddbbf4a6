// Between the owned IssuerRecord and its FlatBuffers payload.
#include "shared/record/issuer_record.h"

#include <utility>

#include "shared/caller/identity.h"
#include "shared/record/flat.h"
#include "shared/redis/keys.h"

namespace nexus::record {

namespace {

std::vector<std::string> owned(const FlatStrings *list) {
    std::vector<std::string> out;
    for (size_t i = 0; i < count(list); ++i) {
        out.emplace_back(text(list->Get(static_cast<flatbuffers::uoffset_t>(i))));
    }
    return out;
}

}  // namespace

Header header_of(const IssuerRecord &record) {
    Header header{};
    header.kind = Kind::kIssuer;
    header.state = static_cast<uint8_t>(record.state);
    header.generation = record.generation;
    return header;
}

Result<Secret> encode_issuer(const IssuerRecord &record) {
    WipingAllocator allocator;
    flatbuffers::FlatBufferBuilder builder(2048, &allocator);
    const auto issuer = required_string(builder, record.issuer);
    const auto issuer_sha256 = required_string(builder, caller::issuer_sha256(record.issuer));
    const auto workspace_id = optional_string(builder, record.workspace_id);
    const auto audiences = string_list(builder, record.audiences);
    const auto algorithms = string_list(builder, record.algorithms);
    const auto jwks = optional_string(builder, record.jwks);

    fb::IssuerRecordBuilder table(builder);
    table.add_issuer(issuer);
    table.add_issuer_sha256(issuer_sha256);
    table.add_workspace_id(workspace_id);
    table.add_state(static_cast<uint8_t>(record.state));
    table.add_generation(record.generation);
    table.add_audiences(audiences);
    table.add_algorithms(algorithms);
    table.add_jwks(jwks);
    table.add_leeway_s(record.leeway_s);
    table.add_max_age_s(record.max_age_s);
    builder.Finish(table.Finish());
    return finished_payload(builder);
}

Result<std::string> seal_issuer(const crypto::Keyring &keyring, const IssuerRecord &record) {
    Result<Secret> payload = encode_issuer(record);
    if (!payload) {
        return tl::unexpected(std::move(payload).error());
    }
    return seal(keyring, header_of(record), redis::issuer_key(caller::issuer_sha256(record.issuer)),
                payload->view());
}

Result<IssuerRecord> parse_issuer(const Header &header, std::string_view payload) {
    if (header.kind != Kind::kIssuer) {
        return fail(Errc::kMalformedRecord, "this record is no issuer record");
    }
    const auto *table = verified_root<fb::IssuerRecord>(payload);
    if (table == nullptr || text(table->issuer_sha256()) != caller::issuer_sha256(text(table->issuer()))) {
        return fail(Errc::kMalformedRecord, "the payload is no issuer record");
    }
    if (!agrees(*table, header)) {
        return fail(Errc::kMalformedRecord, "the issuer record disagrees with its header");
    }

    IssuerRecord out;
    out.issuer = text(table->issuer());
    out.workspace_id = text(table->workspace_id());
    out.state = static_cast<IssuerState>(table->state());
    out.generation = table->generation();
    out.audiences = owned(table->audiences());
    out.algorithms = owned(table->algorithms());
    out.jwks = text(table->jwks());
    out.leeway_s = table->leeway_s();
    out.max_age_s = table->max_age_s();
    return out;
}

}  // namespace nexus::record
