// The nodes and their slots: who is known, when CLUSTER SLOTS is asked, whose answer is believed, and what
// becomes of those who have gone.
#include <algorithm>
#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/redis/cluster/cluster_client.h"
#include "shared/net/host_rule.h"

namespace nexus::edge::redis {
namespace {

constexpr size_t kMaxMembers = 256;
constexpr ngx_msec_t kRefreshPauseMs = 250;  // at least, between two tables
constexpr ngx_msec_t kRefreshEveryMs = 15'000;
constexpr ngx_msec_t kDoubtfulMs = 1000;  // instead, while somebody else may have a better one
constexpr ngx_msec_t kJitterMs = 50;

/// A configured server by the address that its name has.
resp::HostPort to_host_port(const Address &address) {
    const std::string_view host = std::string_view(address.text).substr(0, address.text.rfind(':'));
    const auto port = resp::parse_port(std::string_view(address.text).substr(host.size() + 1));
    return {std::string(net::without_brackets(host)), port.value_or(0)};
}

size_t count_slots(const std::vector<resp::SlotRange> &ranges) noexcept {
    size_t count = 0;
    for (const resp::SlotRange &range : ranges) {
        count += size_t{range.last} - range.first + 1;
    }
    return count;
}

}  // namespace

ClusterClient::Member *ClusterClient::member_of(const Node &node) noexcept {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const auto &member) { return &member->node == &node; });
    return found == members_.end() ? nullptr : found->get();
}

ClusterClient::Member *ClusterClient::find_or_add(const resp::HostPort &server) {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const auto &member) { return member->server == server; });
    if (found != members_.end()) {
        return found->get();
    }
    if (members_.size() >= kMaxMembers) {
        if (!std::exchange(size_logged_, true)) {
            ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s has more than %uz masters",
                          conf_.name.c_str(), kMaxMembers);
        }
        return nullptr;
    }
    members_.push_back(std::make_unique<Member>(*this, server));
    return members_.back().get();
}

ClusterClient::Member *ClusterClient::find_or_add(const Address &seed) {
    Member *member = find_or_add(to_host_port(seed));
    if (member != nullptr && !member->is_started) {
        member->address = seed;  // with the configured name, for its certificate
    }
    return member;
}

/// A node without a host is at the address of the one who says so, and goes by the same name.
ClusterClient::Member *ClusterClient::find_or_add(const resp::HostPort &announced, const Member &by) {
    if (!announced.host.empty()) {
        return find_or_add(announced);
    }
    Member *member = find_or_add(resp::HostPort{by.server.host, announced.port});
    if (member != nullptr && !member->is_started && member->address && by.address) {
        member->address->host = by.address->host;
    }
    return member;
}

/// Connects, once there is something to ask.
void ClusterClient::use(Member &member) noexcept {
    if (!std::exchange(member.is_started, true)) {
        member.node.start();
    }
}

const Address *ClusterClient::next_address(Node &node) noexcept {
    Member *member = member_of(node);
    if (member == nullptr) {
        return nullptr;
    }
    if (!member->address && !member->lookup.is_running()) {
        guarded_event(log_, "a node's name", [&] {
            member->lookup.start(member->server, [member](std::optional<Address> address) {
                member->address = std::move(address);
                if (member->address) {
                    member->node.connect_soon();
                }
            });
        });
    }
    return member->address ? &*member->address : nullptr;
}

/// Somebody to ask when nobody is known to have the slot: who is connected, or else the next configured
/// server.
ClusterClient::Member *ClusterClient::way_in() {
    const auto first = static_cast<size_t>(ngx_random());
    Member *failing = nullptr;
    for (size_t i = 0; i < members_.size(); ++i) {
        Member &member = *members_[(first + i) % members_.size()];
        if (!member.node.is_ready()) {
            continue;
        }
        if (!member.says_fail) {
            return &member;
        }
        failing = &member;
    }
    return failing != nullptr ? failing : find_or_add(conf_.servers[next_seed_ % conf_.servers.size()]);
}

void ClusterClient::on_node_lost(Node &node) noexcept {
    Member *member = member_of(node);
    if (member == nullptr) {
        return;
    }
    member->says_fail = member->is_cut_off = false;  // it may be another one by now
    if (member->is_named) {
        member->address.reset();  // the name may have moved
    }
    schedule_refresh();
}

bool ClusterClient::on_node_error(Node &, resp::ErrorKind kind) noexcept {
    if (kind == resp::ErrorKind::kMoved || kind == resp::ErrorKind::kClusterDown ||
        kind == resp::ErrorKind::kReadOnly) {
        schedule_refresh();
    }
    return kind != resp::ErrorKind::kReadOnly;
}

/// One table at a time, and a while between two: a failover moves thousands of slots at once.
void ClusterClient::schedule_refresh() noexcept {
    if (asked_ != nullptr || std::exchange(refresh_is_due_, true)) {
        return;
    }
    const auto since = ngx_current_msec - refreshed_at_;
    const ngx_msec_t pause = since < kRefreshPauseMs ? kRefreshPauseMs - since : 0;
    refresh_timer_.arm(pause + 1 + static_cast<ngx_msec_t>(ngx_random()) % kJitterMs);
}

void ClusterClient::refresh() noexcept {
    refresh_is_due_ = false;
    refreshed_at_ = ngx_current_msec;
    refresh_timer_.arm(kRefreshEveryMs + static_cast<ngx_msec_t>(ngx_random()) % (kRefreshEveryMs / 4));
    if (asked_ != nullptr || ngx_exiting) {
        return;
    }
    guarded_event(log_, "asking for slots", [&] {
        for (size_t left = members_.size() + conf_.servers.size(); left > 0; --left) {
            Member *member = next_to_ask();
            if (member != nullptr && ask_for_table(*member)) {
                return;
            }
        }
        ++next_seed_;
        schedule_refresh();
    });
}

/// The nodes that are connected, in turn. If there may be a better table than theirs, also the configured
/// ones, and those that nothing was asked of so far.
ClusterClient::Member *ClusterClient::next_to_ask() {
    const bool is_searching =
        asked_in_vain_ > 0 || is_doubtful() ||
        std::none_of(members_.begin(), members_.end(), [](const auto &one) { return one->node.is_ready(); });
    const size_t place = next_to_ask_++ % (members_.size() + conf_.servers.size());
    if (place >= members_.size()) {
        return is_searching ? find_or_add(conf_.servers[place - members_.size()]) : nullptr;
    }
    Member &member = *members_[place];
    return member.node.is_ready() || (is_searching && !member.is_started) ? &member : nullptr;
}

bool ClusterClient::is_doubtful() const noexcept {
    return table_may_be_old_ || covered_ < resp::kSlots;
}

bool ClusterClient::ask_for_table(Member &member) noexcept {
    constexpr std::string_view kInfo[] = {"CLUSTER", "INFO"};
    constexpr std::string_view kSlots[] = {"CLUSTER", "SLOTS"};
    use(member);
    asked_ = &member;
    if (member.node.send(kInfo, &info_command_)) {
        if (member.node.send(kSlots, &slots_command_)) {
            return true;
        }
        member.node.cancel(&info_command_);
    }
    asked_ = nullptr;
    return false;
}

/// One that does not say how it is (NOPERM) is believed. Who sees most of the others knows with them that a
/// node has failed; who does not can only suspect it (PFAIL).
void ClusterClient::on_info(Member &member, const Answer &info) noexcept {
    if (info.status != ReplyStatus::kValue) {
        return;
    }
    const auto says = [&](std::string_view what) { return info.text.find(what) != std::string_view::npos; };
    const bool was_cut_off = member.is_cut_off;
    member.says_fail = says("cluster_state:fail");
    member.is_cut_off =
        member.says_fail && says("cluster_slots_pfail:") && !says("cluster_slots_pfail:0\r\n");
    if (member.is_cut_off && !was_cut_off) {
        ngx_log_error(NGX_LOG_WARN, log_, 0, "nexus: Redis %s: %s is cut off from the others of its cluster",
                      conf_.name.c_str(), member.node.address().text.c_str());
    }
}

void ClusterClient::on_slots(const Answer &answer) noexcept {
    const Member &told_by = *std::exchange(asked_, nullptr);
    const bool applied = guarded_or<bool>(false, log_, "a table of slots", [&] {
        const auto ranges =
            answer.status == ReplyStatus::kArray ? resp::parse_slots(*answer.raw) : std::nullopt;
        if (!ranges) {
            on_no_table(answer, told_by);
            return false;
        }
        no_table_logged_ = false;
        if (is_believed(count_slots(*ranges), told_by)) {
            apply(*ranges, told_by);
            return true;
        }
        retire_those_without_slots();
        return false;
    });
    if (!applied) {
        ++asked_in_vain_;
        ++next_seed_;
        schedule_refresh();
        return;
    }
    asked_in_vain_ = 0;
    if (is_doubtful() && !refresh_is_due_) {
        refresh_timer_.arm(kDoubtfulMs + static_cast<ngx_msec_t>(ngx_random()) % kJitterMs);
    }
    tell_watcher();
}

void ClusterClient::on_no_table(const Answer &answer, const Member &asked) noexcept {
    if (answer.status != ReplyStatus::kUnavailable && !std::exchange(no_table_logged_, true)) {
        ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s: %s gave no table of slots", conf_.name.c_str(),
                      asked.node.address().text.c_str());
    }
}

/// A node that does not see the others (cluster_state:fail) tells an old table, and one that has forgotten
/// them only its own slots. The first is better than none. The second, or that of a node which has no slots
/// itself, is, if nobody has had as good a one as the present for a whole round.
bool ClusterClient::is_believed(size_t covered, const Member &told_by) const noexcept {
    if (!has_table_ || told_by.says_fail != table_may_be_old_) {
        return !has_table_ || !told_by.says_fail;
    }
    if (covered > covered_) {
        return true;
    }
    const bool nobody_has_better = asked_in_vain_ >= members_.size() + conf_.servers.size();
    return !told_by.says_fail && ((told_by.has_slots && covered == covered_) || nobody_has_better);
}

void ClusterClient::apply(const std::vector<resp::SlotRange> &ranges, const Member &told_by) {
    slots_.fill(nullptr);
    for (const auto &member : members_) {
        member->has_slots = false;
    }
    for (const resp::SlotRange &range : ranges) {
        Member *master = find_or_add(range.master, told_by);
        if (master != nullptr) {
            master->has_slots = true;
            std::fill(slots_.begin() + range.first, slots_.begin() + range.last + 1, master);
        }
    }
    retire_those_without_slots();
    has_table_ = true;
    table_may_be_old_ = told_by.says_fail;
    covered_ = count_slots(ranges);
}

void ClusterClient::retire_those_without_slots() {
    retired_.reserve(retired_.size() + members_.size());
    const auto leaving = std::stable_partition(members_.begin(), members_.end(),
                                               [](const auto &member) { return member->has_slots; });
    std::move(leaving, members_.end(), std::back_inserter(retired_));
    members_.erase(leaving, members_.end());
    if (!retired_.empty()) {
        removal_.post();
    }
}

void ClusterClient::remove_retired() noexcept {
    // What fails here may send again, which is not the business of these any more.
    const auto leaving = std::exchange(retired_, {});
    for (const auto &member : leaving) {
        member->node.stop();
    }
}

}  // namespace nexus::edge::redis
