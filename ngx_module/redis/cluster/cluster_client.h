// A cluster: each command goes to the node that has its key's slot, redirects are followed, and the table of
// slots is read anew when something shows that it is out of date.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ngx_module/redis/client.h"
#include "ngx_module/redis/name_lookup.h"
#include "ngx_module/redis/node.h"
#include "shared/resp/slot.h"
#include "shared/resp/topology.h"

namespace nexus::edge::redis {

class ClusterClient final : public Client, private Node::Owner {
public:
    ClusterClient(const RedisConf &conf, ngx_log_t *log);
    ~ClusterClient() override;

    void start() noexcept override;
    bool send(std::string_view key, Arguments arguments, Command *command) noexcept override;
    void cancel(Command *command) noexcept override;

    const Address *next_event_server() noexcept override;
    bool is_event_server(const Address &address) const noexcept override;

private:
    /// A node of the cluster, or one that was configured as a way in.
    struct Member {
        Member(ClusterClient &client, resp::HostPort announced);

        resp::HostPort server;           // as it was announced; of a configured one: its address
        std::optional<Address> address;  // a name has one once it is resolved
        bool is_named = false;
        NameLookup lookup;
        Node node;
        bool is_started = false;
        bool has_slots = false;
        bool says_fail = false;   // cluster_state: it serves nobody, and its table may be old
        bool is_cut_off = false;  // and that is because it does not see most of the others
    };

    /// A command on its way: it may be sent again elsewhere, so it is kept.
    struct Routed {
        ClusterClient *client = nullptr;
        Command *user = nullptr;  // nullptr: not in use
        Command own;
        Member *member = nullptr;
        std::string encoded;
        ngx_msec_t deadline = 0;
        int redirects = 0;
    };

    const Address *next_address(Node &node) noexcept override;
    void on_node_lost(Node &node) noexcept override;
    bool on_node_error(Node &node, resp::ErrorKind kind) noexcept override;

    Member *member_of(const Node &node) noexcept;
    Member *find_or_add(const resp::HostPort &server);
    Member *find_or_add(const Address &seed);
    Member *find_or_add(const resp::HostPort &announced, const Member &by);
    Member *way_in();
    void use(Member &member) noexcept;
    void on_info(Member &member, const Answer &info) noexcept;

    Routed *take_routed();
    void give_back(Routed *routed) noexcept;
    bool send_to(Member &member, Routed &routed) noexcept;
    void on_answer(Routed &routed, const Answer &answer) noexcept;
    bool redirect(Routed &routed, resp::ErrorKind kind, std::string_view error);

    void schedule_refresh() noexcept;
    void refresh() noexcept;
    Member *next_to_ask();
    bool is_doubtful() const noexcept;
    bool ask_for_table(Member &member) noexcept;
    void on_slots(const Answer &answer) noexcept;
    bool is_believed(size_t covered, const Member &told_by) const noexcept;
    void on_no_table(const Answer &answer, const Member &asked) noexcept;
    void apply(const std::vector<resp::SlotRange> &ranges, const Member &told_by);
    void retire_those_without_slots();
    void remove_retired() noexcept;

    Member *find_event_member(bool (*is_good)(const Member &)) noexcept;
    void listens_at(const Address &server) noexcept;
    void check_event_server() noexcept;
    void on_event_server_info(const Answer &answer) noexcept;

    const RedisConf &conf_;
    ngx_log_t *log_;
    std::vector<std::unique_ptr<Member>> members_;
    std::vector<std::unique_ptr<Member>> retired_;  // may be in a call of their own; freed in the next turn
    std::array<Member *, resp::kSlots> slots_{};
    size_t next_seed_;

    std::vector<std::unique_ptr<Routed>> routed_;
    std::vector<Routed *> free_routed_;

    Command info_command_;  // goes ahead of the other: whose table is it?
    Command slots_command_;
    Member *asked_ = nullptr;  // for the table
    size_t next_to_ask_;
    size_t asked_in_vain_ = 0;  // since the last table that was believed
    bool has_table_ = false;
    bool table_may_be_old_ = false;  // the best that there was
    size_t covered_ = 0;             // slots in the table
    bool refresh_is_due_ = false;
    bool no_table_logged_ = false;
    bool size_logged_ = false;
    ngx_msec_t refreshed_at_ = 0;
    Event refresh_timer_;
    Event removal_;

    size_t next_event_server_;
    std::string event_server_;  // where is listened, or will be. Empty: nobody listens (in this worker)
    Command event_info_command_;
    Member *event_asked_ = nullptr;
    Event check_timer_;
};

}  // namespace nexus::edge::redis
