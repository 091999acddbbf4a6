// nginx events that belong to our own objects: timers and posted events. nginx's debug log reads an event's
// `data` as a connection, so each carries a dummy one.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

class Event {
public:
    Event(ngx_log_t *log, void *owner, void (*handler)(void *owner) noexcept) noexcept
        : owner_(owner), handler_(handler) {
        ngx_memzero(&event_, sizeof event_);
        ngx_memzero(&dummy_, sizeof dummy_);
        dummy_.fd = static_cast<ngx_socket_t>(-1);
        dummy_.data = this;
        event_.data = &dummy_;
        event_.log = log;
        event_.handler = on_event;
    }
    ~Event() { cancel(); }
    Event(const Event &) = delete;
    Event &operator=(const Event &) = delete;

    /// Runs the handler later in this turn of the event loop.
    void post() noexcept { ngx_post_event(&event_, &ngx_posted_events); }
    /// In the next turn, after other connections had theirs.
    void post_next() noexcept { ngx_post_event(&event_, &ngx_posted_next_events); }

    /// (Re)arms the timer. ngx_add_timer ignores changes below 300 ms on a timer that is set: set it anew.
    void arm(ngx_msec_t ms) noexcept {
        disarm();
        ngx_add_timer(&event_, ms);
    }
    void disarm() noexcept {
        if (event_.timer_set) {
            ngx_del_timer(&event_);
        }
    }
    bool is_armed() const noexcept { return event_.timer_set != 0; }

    /// A cancelable timer does not keep a worker that is asked to quit.
    void set_cancelable(bool cancelable) noexcept { event_.cancelable = cancelable ? 1 : 0; }

    void cancel() noexcept {
        disarm();
        if (event_.posted) {
            ngx_delete_posted_event(&event_);
        }
    }

private:
    static void on_event(ngx_event_t *ev) noexcept {
        auto *self = static_cast<Event *>(static_cast<ngx_connection_t *>(ev->data)->data);
        self->handler_(self->owner_);
    }

    ngx_event_t event_;
    ngx_connection_t dummy_;
    void *owner_;
    void (*handler_)(void *) noexcept;
};

}  // namespace nexus::edge
