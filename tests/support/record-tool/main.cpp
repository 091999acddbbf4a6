// nexus-record: the record format on the command line. Reads and writes; what a record means is not its
// business.
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>

#include "shared/caller/identity.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"
#include "shared/redis/keys.h"
#include "tests/support/record-tool/record_json.h"
#include "tests/support/record-tool/seal_many.h"

namespace nexus::tests {

namespace {

constexpr std::string_view kUsage = R"(usage: nexus-record seal-token  [--nonce HEX] < JSON   > BASE64
       nexus-record seal-caller [--nonce HEX] < JSON   > BASE64
       nexus-record seal-issuer [--nonce HEX] < JSON   > BASE64
       nexus-record open REDIS_KEY            < BASE64 > JSON
       nexus-record seal-tokens COUNT         < JSON   > RESP

Seals records as nexusd does and opens them as the edge does. Keys come from the environment: CACHE_KEY (base64 of
32 bytes, seals) and CACHE_KEYS_PREVIOUS (comma separated, only open). A record is bound to its Redis key:
nexus:tok:{<connection_id>}, nexus:agent:{<key_sha256>} or nexus:issuer:{<sha256>}. --nonce fixes the 24-byte nonce; for golden vectors only.
seal-tokens: the record for the connections 00000000-0000-4000-8000-<number, 12 hexadecimal digits> from 0 on, as Redis
commands that store them until the token expires.

Token records: connection_id, workspace_id, provider_id, provider, state (pending, active, attention, failed,
expired, revoked), generation, expires_at, refreshable, strategy, strategy_config {}, credentials {}, api_base_url,
allowed_hosts [], scopes [], attention_reason, reconnect_url, request_rules [],
dpop_key.
Caller records: agent_id, workspace_id, name, key_id, key_sha256 (64 hexadecimal digits), state (active, revoked),
generation, expires_at, grants [] (token:use, token:read, connection:create, connection:refresh, admin),
connections [], providers [], aliases {}.
Issuer records: issuer, workspace_id, state (trusted, removed), generation, audiences [], algorithms [], jwks (text),
leeway_s, max_age_s.
Times are Unix milliseconds; 0 = does not expire. state is needed, other members may be absent; unknown ones are
refused.

  echo '{"connection_id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","workspace_id":"w1","provider":"demo",
         "state":"active","generation":1,"expires_at":4102444800000,"refreshable":true,"strategy":"oauth2",
         "credentials":{"access_token":"at-1"},"allowed_hosts":["127.0.0.1"]}' | nexus-record seal-token |
    base64 -d | redis-cli -x SET 'nexus:tok:{6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01}'
)";

Result<crypto::Keyring> keyring_from_environment() {
    Result<Secret> current = crypto::read_secret_reference("env:CACHE_KEY");
    if (!current) {
        return tl::unexpected(std::move(current).error());
    }
    const char *previous = std::getenv("CACHE_KEYS_PREVIOUS");
    return crypto::Keyring::from_base64(
        {"CACHE_KEY", *current},
        {"CACHE_KEYS_PREVIOUS", Secret{std::string_view{previous == nullptr ? "" : previous}}});
}

std::string read_stdin() {
    return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

struct Payload {
    record::Header header;
    std::string redis_key;
    Secret bytes;
};

Result<Payload> encode(std::string_view command, const json_t *object) {
    if (command == "seal-token") {
        Result<record::TokenRecord> token = token_from_json(object);
        if (!token) {
            return tl::unexpected(std::move(token).error());
        }
        return record::encode_token(*token).map([&](Secret bytes) {
            return Payload{header_of(*token), redis::token_key(token->connection_id), std::move(bytes)};
        });
    }
    if (command == "seal-issuer") {
        Result<record::IssuerRecord> issuer = issuer_from_json(object);
        if (!issuer) {
            return tl::unexpected(std::move(issuer).error());
        }
        return record::encode_issuer(*issuer).map([&](Secret bytes) {
            return Payload{header_of(*issuer), redis::issuer_key(caller::issuer_sha256(issuer->issuer)),
                           std::move(bytes)};
        });
    }
    Result<record::CallerRecord> caller = caller_from_json(object);
    if (!caller) {
        return tl::unexpected(std::move(caller).error());
    }
    return record::encode_caller(*caller).map([&](Secret bytes) {
        return Payload{header_of(*caller), redis::caller_key(caller->key_sha256), std::move(bytes)};
    });
}

Result<std::string> seal(const crypto::Keyring &keyring, std::string_view command,
                         std::string_view nonce_hex) {
    Result<JsonPtr> json = parse_object(read_stdin());
    if (!json) {
        return tl::unexpected(std::move(json).error());
    }
    Result<Payload> payload = encode(command, json->get());
    if (!payload) {
        return tl::unexpected(std::move(payload).error());
    }
    if (nonce_hex.empty()) {
        return record::seal(keyring, payload->header, payload->redis_key, payload->bytes.view());
    }

    const Result<std::string> nonce = encoding::hex_decode(nonce_hex);
    if (!nonce || nonce->size() != crypto::kXaesNonceBytes) {
        return fail(Errc::kInvalidRequest, "--nonce needs 48 hexadecimal digits");
    }
    std::memcpy(payload->header.nonce.data(), nonce->data(), nonce->size());
    return record::seal_with_nonce(keyring, payload->header, payload->redis_key, payload->bytes.view());
}

Result<std::string> open(const crypto::Keyring &keyring, std::string_view redis_key) {
    std::string text = read_stdin();
    text.resize(text.find_last_not_of(" \r\n") + 1);
    const Result<std::string> sealed = encoding::base64_decode(text);
    if (!sealed) {
        return sealed;
    }
    const Result<Secret> payload = record::open(keyring, redis_key, *sealed);
    if (!payload) {
        return tl::unexpected(payload.error());
    }

    const record::Header header = *record::parse_header(*sealed);
    if (header.kind == record::Kind::kToken) {
        return record::TokenView::parse(header, payload->view()).map([](const record::TokenView &view) {
            return dump(to_json(view).get());
        });
    }
    if (header.kind == record::Kind::kIssuer) {
        return record::parse_issuer(header, payload->view()).map([](const record::IssuerRecord &issuer) {
            return dump(to_json(issuer).get());
        });
    }
    return record::CallerView::parse(header, payload->view()).map([&](const record::CallerView &view) {
        return dump(to_json(header, view).get());
    });
}

Result<void> write_tokens(const crypto::Keyring &keyring, std::string_view count_text) {
    uint64_t count = 0;
    const auto [end, problem] =
        std::from_chars(count_text.data(), count_text.data() + count_text.size(), count);
    if (problem != std::errc{} || end != count_text.data() + count_text.size()) {
        return fail(Errc::kInvalidRequest, "seal-tokens needs a number");
    }
    const Result<JsonPtr> json = parse_object(read_stdin());
    if (!json) {
        return tl::unexpected(json.error());
    }
    Result<record::TokenRecord> token = token_from_json(json->get());
    if (!token) {
        return tl::unexpected(std::move(token).error());
    }
    return seal_many(keyring, std::move(*token), count, std::cout);
}

int report(const Error &error) {
    std::cerr << "nexus-record: " << error.message << (error.detail.empty() ? "" : ": ") << error.detail
              << '\n';
    return 1;
}

int run(int argc, char **argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    const bool seals = command == "seal-token" || command == "seal-caller" || command == "seal-issuer";
    if (command == "--help" || command == "-h") {
        std::cout << kUsage;
        return 0;
    }
    const bool has_nonce = seals && argc == 4 && std::string_view{argv[2]} == "--nonce";
    if (!(seals && (argc == 2 || has_nonce)) &&
        !((command == "open" || command == "seal-tokens") && argc == 3)) {
        std::cerr << kUsage;
        return 2;
    }

    const Result<crypto::Keyring> keyring = keyring_from_environment();
    if (!keyring) {
        return report(keyring.error());
    }
    if (command == "seal-tokens") {
        const Result<void> written = write_tokens(*keyring, argv[2]);
        return written ? 0 : report(written.error());
    }
    const Result<std::string> output =
        seals ? seal(*keyring, command, has_nonce ? argv[3] : "") : open(*keyring, argv[2]);
    if (!output) {
        return report(output.error());
    }
    std::cout << (seals ? encoding::base64_encode(*output) : *output) << '\n';
    return 0;
}

}  // namespace

}  // namespace nexus::tests

int main(int argc, char **argv) {
    return nexus::tests::run(argc, argv);
}
