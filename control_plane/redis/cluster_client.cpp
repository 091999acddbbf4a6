#include "control_plane/redis/cluster_client.h"

#include <algorithm>
#include <set>
#include <utility>

namespace nexus::control {

namespace {

constexpr int kMaxRedirects = 4;
constexpr std::chrono::milliseconds kReadTableAgain{250};
constexpr std::chrono::seconds kLookAgain{2};  // without any sign that the table is out of date

std::optional<resp::Redirect> redirect_of(const resp::Reply &reply) {
    const std::optional<resp::ErrorKind> kind = error_kind(reply);
    if (kind != resp::ErrorKind::kMoved && kind != resp::ErrorKind::kAsk) {
        return std::nullopt;
    }
    return resp::parse_redirect(resp::error_of(*reply));
}

/// Does it show that somebody else has the slots by now?
bool is_table_doubtful(const Result<resp::Reply> &reply) {
    if (!reply) {
        return true;
    }
    const std::optional<resp::ErrorKind> kind = error_kind(*reply);
    return kind == resp::ErrorKind::kMoved || kind == resp::ErrorKind::kClusterDown ||
           kind == resp::ErrorKind::kReadOnly;
}

/// Does the node see too few of the others to take writes? Then its table may be old: it hears of nothing.
/// One that does not say so (NOPERM) is believed.
bool is_cut_off(RedisConnection &node) {
    const Result<resp::Reply> info = node.command({"CLUSTER", "INFO"});
    return info && (*info)->type != REDIS_REPLY_ERROR &&
           resp::text_of(**info).find("cluster_state:fail") != std::string_view::npos;
}

}  // namespace

ClusterClient::ClusterClient(const RedisTarget &target, const RedisOptions &options, Metrics *metrics)
    : RedisClient(target, options, metrics) {
    for (const resp::HostPort &server : target.servers) {
        node(server);
    }
}

RedisConnection &ClusterClient::node(const resp::HostPort &server) {
    std::unique_ptr<RedisConnection> &place = nodes_[server];
    if (place == nullptr) {
        place = connection_to(server, RedisConnection::Role::kAny);
    }
    return *place;
}

std::vector<RedisConnection *> ClusterClient::candidates() const {
    std::vector<RedisConnection *> all;
    for (const auto &[server, connection] : nodes_) {
        all.push_back(connection.get());
    }
    std::ranges::stable_partition(all, [&](const auto *one) { return one->server() == trusted_; });
    return all;
}

Result<resp::Reply> ClusterClient::ask_any(std::initializer_list<std::string_view> words,
                                           const resp::HostPort &but) {
    Error last = redis_unavailable("there is no other server").value();
    for (RedisConnection *candidate : candidates()) {
        if (candidate->server() == but) {
            continue;
        }
        Result<resp::Reply> reply = checked(candidate->command(words));
        if (reply) {
            trusted_ = answerer_ = candidate->server();
            return reply;
        }
        last = std::move(reply.error());
    }
    return fail(std::move(last));
}

Result<void> ClusterClient::read_table() {
    const auto now = std::chrono::steady_clock::now();
    if (now - table_read_at_ < kReadTableAgain) {
        return {};
    }
    table_read_at_ = now;
    Error last;
    std::optional<resp::HostPort> cut_off;  // the first of them
    Ranges old;
    for (RedisConnection *candidate : candidates()) {
        Result<resp::Reply> reply = checked(candidate->command({"CLUSTER", "SLOTS"}));
        if (!reply) {
            last = std::move(reply.error());
            continue;
        }
        std::optional<Ranges> ranges = resp::parse_slots(**reply);
        if (!ranges) {
            last =
                redis_unavailable("the cluster's table of slots cannot be read, or nobody has any").value();
            continue;
        }
        if (!is_cut_off(*candidate)) {
            is_table_due_ = false;
            trusted_ = candidate->server();
            apply(*ranges, trusted_);  // last: nodes may go
            return {};
        }
        if (!cut_off) {
            cut_off = candidate->server();
            old = std::move(*ranges);
        }
    }
    if (!cut_off) {
        return fail(std::move(last));
    }
    is_table_due_ = false;
    trusted_ = *cut_off;
    if (std::ranges::count(owners_, nullptr) == resp::kSlots) {  // better than none
        apply(old, trusted_);
    }
    return {};
}

/// Nodes that have no slots any more go, but for those that were configured.
void ClusterClient::apply(const Ranges &ranges, const resp::HostPort &told_by) {
    const std::array before = std::exchange(owners_, {});
    std::set<resp::HostPort> masters(target_.servers.begin(), target_.servers.end());
    for (const resp::SlotRange &range : ranges) {
        resp::HostPort master = range.master;
        if (master.host.empty()) {
            master.host = told_by.host;
        }
        std::fill(owners_.begin() + range.first, owners_.begin() + range.last + 1, &node(master));
        masters.insert(std::move(master));
    }
    const bool is_other = !std::ranges::equal(
        before, owners_, [](const auto *was, const auto *is) { return was == nullptr || was == is; });
    epoch_ += is_other ? 1 : 0;
    std::erase_if(nodes_, [&](const auto &entry) { return !masters.contains(entry.first); });
}

RedisConnection &ClusterClient::redirected(const resp::Redirect &redirect, const RedisConnection &by) {
    resp::HostPort target = redirect.target;
    if (target.host.empty()) {
        target.host = by.server().host;
    }
    return node(target);
}

Result<resp::Reply> ClusterClient::script(std::string_view text, std::string_view key, Words arguments) {
    const uint16_t slot = resp::slot_of(key);
    if (is_table_due_) {
        if (Result<void> read = read_table(); !read && owners_[slot] == nullptr) {
            return fail(read.error());
        }
    }

    RedisConnection *at = owners_[slot];
    bool is_asking = false;
    for (int redirects = 0; at != nullptr && redirects <= kMaxRedirects; ++redirects) {
        Result<resp::Reply> reply = at->script(text, key, arguments, is_asking);
        is_table_due_ = is_table_due_ || is_table_doubtful(reply);
        const std::optional<resp::Redirect> redirect = reply ? redirect_of(*reply) : std::nullopt;
        if (redirect) {
            is_asking = error_kind(*reply) == resp::ErrorKind::kAsk;
            at = &redirected(*redirect, *at);
            if (!is_asking) {
                owners_[redirect->slot] = at;
            }
            continue;
        }
        const bool is_lost = !reply || error_kind(*reply) == resp::ErrorKind::kClusterDown;
        if (!is_lost) {
            answerer_ = at->server();
            failed_ = (*reply)->type == REDIS_REPLY_ERROR ? answerer_ : resp::HostPort{};
            return checked(std::move(reply));
        }
        // The node, or the others to it. Another one may have taken its slots over.
        failed_ = at->server();
        is_asking = false;
        if (!read_table() || owners_[slot] == nullptr || owners_[slot]->server() == failed_) {
            return checked(std::move(reply));
        }
        at = owners_[slot];
    }
    return at == nullptr ? redis_unavailable("nobody in the cluster has the key's slot")
                         : redis_unavailable("the cluster's nodes send from one to another");
}

Result<void> ClusterClient::publish_elsewhere(std::string_view channel, std::string_view message) {
    return ask_any({"PUBLISH", channel, message}, failed_).map([](const resp::Reply &) {});
}

Result<void> ClusterClient::ping() {
    if (is_table_due_ || std::chrono::steady_clock::now() - table_read_at_ > kLookAgain) {
        if (Result<void> read = read_table(); !read) {
            return read;
        }
    }
    return ask_any({"PING"}).map([](const resp::Reply &) {});
}

}  // namespace nexus::control
