// The servers of the measurements: any number of listeners over one epoll, in one thread.
//
//     server ROLE[=ARGUMENT]...
//
//     answer=BYTES    answers the first bytes that come with so many, and waits for the client to leave
//     pour=BYTES      answers the first bytes that come with so many, and closes
//     echo            sends back what comes
//     http=FILE       answers each HTTP request (without a body) with the file's bytes, head included; closes after a
//                     request that says "Connection: close"
//     sink            counts UDP datagrams
//     journal=PATH    counts datagrams at a path, as journald takes them; its port is 0
//
// Others listen on a free port of 127.0.0.1. Prints the ports first, one a line, in the order of the roles. SIGTERM ends
// it; it then prints how many datagrams came, as one line of JSON.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 256, BACKLOG = 4096, LONGEST_HEAD = 4096, LONGEST_RUN_S = 900, SINK_BUFFER = 8 << 20 };

enum kind { ANSWER, POUR, ECHO, HTTP, SINK, JOURNAL };

struct role {
    enum kind kind;
    long size;          // bytes that `answer` and `pour` send
    char *response;     // bytes that `http` sends
    size_t length;
    const char *path;   // of `journal`
};

// A listener (`listens`) or a connection.
struct peer {
    int fd;
    int listens;
    struct role *role;
    long left;          // bytes still to send; 0 before the first bytes came
    int asked;          // whether the first bytes came
    char *head;         // what came of a request, for `http`
    size_t head_length;
};

static int epoll;
static char buffer[1 << 20];
static long datagrams;
static volatile sig_atomic_t ended;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void end(int number) {
    (void)number;
    ended = 1;
}

static void watch(struct peer *peer, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(epoll, operation, peer->fd, &event))
        die("epoll_ctl");
}

static void take_datagrams_at(struct peer *peer, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    unlink(path);
    peer->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (bind(peer->fd, (struct sockaddr *)&address, sizeof address))
        die(path);
    printf("0\n");
    watch(peer, EPOLL_CTL_ADD, EPOLLIN);
}

static void listen_for(struct role *role) {
    struct peer *peer = calloc(1, sizeof *peer);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int type = role->kind == SINK ? SOCK_DGRAM : SOCK_STREAM;
    peer->role = role;
    peer->listens = 1;
    if (role->kind == JOURNAL) {
        take_datagrams_at(peer, role->path);
        return;
    }
    peer->fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    if (bind(peer->fd, (struct sockaddr *)&address, length) || (type == SOCK_STREAM && listen(peer->fd, BACKLOG)))
        die("listen");
    if (role->kind == SINK) {
        // The first needs root, the second is bounded by net.core.rmem_max: a datagram without room is lost, not late.
        int size = SINK_BUFFER;
        if (setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
            setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    getsockname(peer->fd, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    watch(peer, EPOLL_CTL_ADD, EPOLLIN);
}

static void take_connections(struct peer *listener) {
    int fd, yes = 1;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct peer *peer = calloc(1, sizeof *peer);
        peer->fd = fd;
        peer->role = listener->role;
        if (peer->role->kind == HTTP)
            peer->head = malloc(LONGEST_HEAD + 1);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(peer, EPOLL_CTL_ADD, EPOLLIN);
    }
    if (errno == EMFILE || errno == ENFILE)
        die("accept");
}

static void count_datagrams(struct peer *sink) {
    while (recv(sink->fd, buffer, sizeof buffer, 0) >= 0)
        datagrams++;
}

// Whether the connection stays: a request whose end has come is answered, and answers are shorter than a buffer.
static int answer_requests(struct peer *peer, ssize_t count) {
    if (peer->head_length + count > LONGEST_HEAD)
        return 0;
    memcpy(peer->head + peer->head_length, buffer, count);
    peer->head_length += count;
    peer->head[peer->head_length] = 0;
    if (!strstr(peer->head, "\r\n\r\n"))
        return 1;
    int stays = !strcasestr(peer->head, "\r\nconnection: close\r\n");
    peer->head_length = 0;
    send(peer->fd, peer->role->response, peer->role->length, MSG_NOSIGNAL);
    return stays;
}

// Whether the connection stays.
static int read_from(struct peer *peer) {
    ssize_t count = recv(peer->fd, buffer, 65536, 0);
    if (count < 0)
        return errno == EAGAIN;
    if (count == 0)
        return 0;
    switch (peer->role->kind) {
    case ECHO:
        return send(peer->fd, buffer, count, MSG_NOSIGNAL) == count;
    case HTTP:
        return answer_requests(peer, count);
    case ANSWER:
        if (peer->asked++)
            return 1;
        return send(peer->fd, buffer, peer->role->size, MSG_NOSIGNAL) == peer->role->size;
    case POUR:
        if (!peer->asked++) {
            peer->left = peer->role->size;
            watch(peer, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        }
        return 1;
    case SINK:
        break;
    }
    return 0;
}

// Whether the connection stays: until all is sent.
static int pour_into(struct peer *peer) {
    while (peer->left > 0) {
        size_t size = peer->left < (long)sizeof buffer ? (size_t)peer->left : sizeof buffer;
        ssize_t sent = send(peer->fd, buffer, size, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        peer->left -= sent;
    }
    return 0;
}

static void serve(struct peer *peer, unsigned events) {
    if (peer->listens) {
        if (peer->role->kind >= SINK)
            count_datagrams(peer);
        else
            take_connections(peer);
        return;
    }
    int stays = 1;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        stays = read_from(peer);
    if (stays && peer->left)
        stays = pour_into(peer);
    if (!stays) {
        close(peer->fd);
        free(peer->head);
        free(peer);
    }
}

static void read_response(struct role *role, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    role->response = malloc(65536);
    role->length = fread(role->response, 1, 65536, file);
    fclose(file);
}

static void take_role(struct role *role, const char *text) {
    static const char *const words[] = {"answer", "pour", "echo", "http", "sink", "journal"};
    const char *equals = strchrnul(text, '=');
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) != (size_t)(equals - text) || strncmp(words[i], text, equals - text))
            continue;
        role->kind = i;
        if (role->kind == HTTP && *equals)
            read_response(role, equals + 1);
        else if (role->kind == JOURNAL && *equals)
            role->path = equals + 1;
        else if (*equals)
            role->size = atol(equals + 1);
        return;
    }
    fprintf(stderr, "server: what is %s?\n", text);
    exit(2);
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = end};
    struct epoll_event events[EVENTS];
    sigaction(SIGTERM, &action, NULL);
    epoll = epoll_create1(0);
    alarm(LONGEST_RUN_S);
    struct role *roles = calloc(argc, sizeof *roles);
    for (int i = 1; i < argc; i++) {
        take_role(&roles[i], argv[i]);
        listen_for(&roles[i]);
    }
    fflush(stdout);
    for (int last = 0; !last;) {
        // What came before the SIGTERM is still served, once. Half a second: a SIGTERM that comes just before the wait
        // is seen after it.
        last = ended;
        int ready = epoll_wait(epoll, events, EVENTS, last ? 0 : 500);
        for (int i = 0; i < ready; i++)
            serve(events[i].data.ptr, events[i].events);
    }
    printf("{\"datagrams\": %ld}\n", datagrams);
    return 0;
}
