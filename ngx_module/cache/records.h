// L1: sealed records in the shared zone. Reading takes no lock; writing takes the slab mutex. Knows how old
// an entry is and whether it may be served, but not where a better one comes from: that is lookup/lookup.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ngx_module/cache/zone.h"
#include "shared/record/envelope.h"

namespace nexus::edge::cache {

enum class Freshness : uint8_t {
    kMiss,        // nothing that may be used
    kFresh,       // use it
    kUnverified,  // events may have been missed since it was fetched: ask Redis, go on with it if that fails
    kAged,    // as long here as an entry may be: ask Redis and the control plane, go on with it if they fail
    kPutOff,  // one of the two above, but a check has just failed or is under way: go on with it
};

/// Which bytes were found in L1: each record that is stored has another serial.
struct Version {
    uint64_t serial = 0;  // 0: not from L1

    bool operator==(const Version &) const = default;
};

/// A record that whoever reads has kept from an earlier read.
struct KeptRecord {
    Version version;
    record::Header header{};
};

/// What was found. `sealed` is in the pool given to `read`, aligned, and the caller's to write to.
struct Found {
    Freshness freshness = Freshness::kMiss;
    bool not_found = false;  // the entry says that the control plane does not know the id; `sealed` is empty
    bool is_kept = false;    // it is the kept record: `sealed` is empty
    std::span<char> sealed;
    Version version;
    record::Header header{};

    /// A record that may be used with this ring: a reload may have taken its key away.
    bool is_usable(const crypto::Keyring &keyring) const noexcept {
        return freshness != Freshness::kMiss && (is_kept || !sealed.empty()) &&
               keyring.find(header.key_id) != nullptr;
    }
};

class Records {
public:
    explicit Records(const CacheConf &conf) : Records(conf, Zone(conf.zone)) {}
    Records(const CacheConf &conf, const Zone &zone) : conf_(conf), zone_(zone), table_(zone.table()) {}

    /// Copies an entry out. A record is never returned past its hard expiry, nor below the generation that an
    /// event asked for; whether its key is on the ring is the caller's question. `kept` may be nullptr.
    Found read(const Key &key, ngx_pool_t *pool, const KeptRecord *kept = nullptr) const noexcept;

    enum class Stored : uint8_t {
        kStored,
        kOlder,    // refused: L1, or an event during the fetch, knows of a newer generation
        kSkipped,  // may be used, but there was no room, or the flight is none, or another worker's by now
    };

    /// Stores an authenticated record that `flight` brought. `fetched_at`: when the fetch was started, so
    /// that an event which came while it ran counts as later. Without a flight (Claim::kFull) it is compared
    /// all the same.
    Stored store(const Key &key, std::string_view sealed, const record::Header &header, uint64_t fetched_at,
                 const FlightRef &flight) noexcept;

    /// Remembers that the control plane does not know the id.
    Stored store_not_found(const Key &key, uint64_t fetched_at, const FlightRef &flight) noexcept;

    /// Takes a record of another nginx's zone over, with its age; one that does not look right is left out.
    /// Not while anybody else uses this zone.
    /// `slot`: which one, below table().slot_count().
    void adopt(const Records &other, uint64_t slot, ngx_pool_t *scratch) noexcept;

    /// An event: what is older than `generation` must not be used any more.
    void invalidate(const Key &key, uint64_t generation) noexcept;

    /// Serve what is here without another check until then (monotonic ms).
    void put_off_check(const Key &key, uint64_t until) noexcept;

    /// nexusd can refresh it again from `until` (monotonic ms) on.
    void put_off_refresh(const Key &key, uint64_t until) noexcept;
    /// How long a forced refresh is to be put off, in ms; 0: it need not. No lock.
    uint64_t refresh_put_off_ms(const Key &key) const noexcept;

    /// May this worker refresh the record ahead of its end? One caller is told so, and the next one not
    /// before `until` (monotonic ms), unless a newer record comes. No lock where the answer is no.
    bool claim_early_refresh(const Key &key, uint64_t until) noexcept;

    const Zone &zone() const { return zone_; }

private:
    Freshness freshness(uint64_t hash, const EntryView &entry, const record::Header *header) const noexcept;
    bool put_locked(uint64_t hash, const Key &key, std::string_view sealed, const record::Header &header,
                    uint64_t needed_generation, uint64_t fetched_at) noexcept;

    const CacheConf &conf_;
    Zone zone_;
    Table table_;
};

/// Is it the state in which the record can be used? Token and caller records number their states differently.
bool is_active(record::Kind kind, uint8_t state) noexcept;

/// A token that must not be used any more. (An expired caller record is an answer: that key is refused.)
bool is_spent(const record::Header &header) noexcept;

}  // namespace nexus::edge::cache
