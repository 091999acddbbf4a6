// A kind of record, as Redis' events name it and back.
#pragma once

#include "shared/record/envelope.h"
#include "shared/redis/keys.h"

namespace nexus::edge {

inline nexus::redis::EventKind event_kind_of(record::Kind kind) noexcept {
    switch (kind) {
        case record::Kind::kToken:
            return nexus::redis::EventKind::kToken;
        case record::Kind::kCaller:
            return nexus::redis::EventKind::kCaller;
        case record::Kind::kIssuer:
            break;
    }
    return nexus::redis::EventKind::kIssuer;
}

inline record::Kind record_kind_of(nexus::redis::EventKind kind) noexcept {
    switch (kind) {
        case nexus::redis::EventKind::kToken:
            return record::Kind::kToken;
        case nexus::redis::EventKind::kCaller:
            return record::Kind::kCaller;
        case nexus::redis::EventKind::kIssuer:
            break;
    }
    return record::Kind::kIssuer;
}

}  // namespace nexus::edge
