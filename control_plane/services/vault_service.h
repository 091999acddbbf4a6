// Key rotation: what each key of the vault still seals, and sealing it anew under the current one, batch by
// batch, while everything else goes on. No state but the key ids beside the boxes, so it may be stopped and
// begun again anywhere, by several at once (docs/decisions/0025).
#pragma once

#include <string>
#include <vector>

#include "control_plane/services/access/caller.h"
#include "control_plane/store/vault_rows.h"
#include "control_plane/vault/vault.h"
#include "shared/clock.h"

namespace nexus::control {

class Metrics;

struct VaultKey {
    enum class Role : uint8_t {
        kCurrent,   // ENCRYPTION_KEY
        kPrevious,  // of ENCRYPTION_KEYS_PREVIOUS
        kMissing,   // boxes name it, and this process does not have it
        kUnknown,   // boxes from before key ids were written beside them; id is ""
    };
    std::string id;
    Role role = Role::kCurrent;
    store::KeyUse use;
    bool removable = false;  // a previous key that nothing needs any more
};

struct VaultKeys {
    std::vector<VaultKey> keys;  // current first
    int64_t left = 0;            // boxes that the current key did not seal
};

struct ResealedBatch {
    struct Unreadable {
        std::string kind;  // credentials, client_secret, code_verifier, installation
        std::string id;
        std::string reason;  // rolled_back, seal_broken, unknown_key, unreadable
    };
    int64_t resealed = 0;
    std::vector<Unreadable> unreadable;  // left as they are
    std::string cursor;                  // go on here; "" = that was all
};

class VaultService {
public:
    VaultService(store::Database &database, const Vault &vault, Clock clock, Metrics *metrics)
        : database_(database), vault_(vault), clock_(std::move(clock)), metrics_(metrics) {}

    Result<VaultKeys> keys();
    /// Seals at most `limit` credentials anew, 1..1000; the first batch (cursor "") also everything of which
    /// there is little. A box that is written meanwhile stays as it was written. errors kInvalidRequest
    /// (cursor)
    Result<ResealedBatch> rotate(const Caller &caller, int64_t limit, const std::string &cursor);

private:
    Result<void> rotate_few(const Caller &caller, ResealedBatch &batch);
    Result<void> rotate_credentials(const Caller &caller, int64_t limit, const std::string &cursor,
                                    ResealedBatch &batch);
    template <typename Row, typename Reseal, typename Replace>
    Result<void> rotate_rows(const Caller &caller, std::string_view kind, const std::vector<Row> &rows,
                             Reseal reseal, Replace replace, ResealedBatch &batch);

    store::Database &database_;
    const Vault &vault_;
    Clock clock_;
    Metrics *metrics_;
};

}  // namespace nexus::control
