// Strings to sign, and their chain.
#include "shared/sigv4/chunk_signer.h"

#include <utility>

#include "shared/crypto/digest.h"
#include "shared/sigv4/sign.h"

namespace nexus::sigv4 {

namespace {

constexpr std::string_view kPayload = "AWS4-HMAC-SHA256-PAYLOAD";
constexpr std::string_view kTrailer = "AWS4-HMAC-SHA256-TRAILER";

}  // namespace

ChunkSigner::ChunkSigner(ChunkSeed seed) : seed_(std::move(seed)), last_(seed_.signature) {}

std::string_view ChunkSigner::sign_chunk(std::string_view payload) {
    // The hash of nothing stands for a chunk's header lines, which there are none of.
    return sign(kPayload, std::string{kHashOfNothing} + "\n" + crypto::sha256_hex(payload));
}

std::string_view ChunkSigner::sign_trailer(std::string_view lines) {
    return sign(kTrailer, crypto::sha256_hex(lines));
}

void ChunkSigner::restart() {
    last_ = seed_.signature;
}

std::string_view ChunkSigner::sign(std::string_view algorithm, std::string_view hashes) {
    std::string text;
    for (const std::string_view line :
         {algorithm, seed_.date.view(), std::string_view{seed_.scope}, crypto::as_view(last_)}) {
        text.append(line).append("\n");
    }
    text.append(hashes);
    last_ = crypto::hex_of(seed_.key->code_of(text));
    return crypto::as_view(last_);
}

}  // namespace nexus::sigv4
