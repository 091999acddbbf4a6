// The signatures of a body that is signed chunk by chunk: each one signs the one before it, and the first one
// signs that of the request's head (the seed). Source: as aws_chunked.h.
#pragma once

#include <string>
#include <string_view>

#include "shared/sigv4/signing_key.h"

namespace nexus::sigv4 {

/// What the head's signature leaves to those of the chunks.
struct ChunkSeed {
    AmzDate date;
    std::string scope;  // credential_scope
    crypto::Sha256Hex signature;
    SigningKey key;
};

class ChunkSigner {
public:
    explicit ChunkSigner(ChunkSeed seed);

    /// 64 hexadecimal digits, good until the next call. The chunk of no bytes is the last one.
    std::string_view sign_chunk(std::string_view payload);
    /// lines  "name:value\n" each, names in lower case and sorted
    std::string_view sign_trailer(std::string_view lines);
    /// From the first chunk again.
    void restart();

private:
    std::string_view sign(std::string_view algorithm, std::string_view hashes);

    ChunkSeed seed_;
    crypto::Sha256Hex last_;
};

}  // namespace nexus::sigv4
