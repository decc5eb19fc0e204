// The clients of the measurements: any number of connections over one epoll, in one thread.
//
//     client [options] ADDRESS:PORT
//
// Each connection sends the first message and reads its answer, sends the next message and reads its answer, as often
// as it is told, and is then reset: a reset leaves no TIME_WAIT behind, so that local ports do not run out.
//
//     -n COUNT     connections in all                                      (1)
//     -c COUNT     connections at a time                                   (1)
//     -f FILE      the first message: a ClientHello, or an HTTP request
//     -e BYTES     how long its answer is; 0: it ends with the mark        (0)
//     -t COUNT     exchanges after the first                               (0)
//     -F FILE      the message of these
//     -E BYTES     how long their answers are; 0: they end with the mark   (0)
//     -m MARK      how answers of unknown length end
//     -s COUNT     use 127.0.0.1, 127.0.0.2, ... in turn as own address    (0: as the kernel chooses)
//     -k           keep every connection open after its exchanges, say so, and leave when standard input ends
//
// Prints one line of JSON: connections that went well, exchanges, bytes read, errors, seconds. A connection that
// breaks, ends early or gets what is not its answer is an error; ten seconds in which nothing happens end the run.
//
// It is C because a client in Python costs more than the proxies that it is to measure.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, STALLED_MS = 10000, LONGEST_RUN_S = 600, LARGEST_MESSAGE = 65536 };

struct message {
    char bytes[LARGEST_MESSAGE];
    size_t length;
    long answer;        // bytes; 0: until the mark
};

struct connection {
    int fd;
    int exchanges;      // finished so far
    long left;          // bytes of the answer that are still to come, where its length is known
    size_t matched;     // bytes at the end of what came, as far as they may be the mark
};

static struct message first, next;
static const char *mark = "";
static int more_exchanges, keep, sources;
static struct sockaddr_in target;
static int epoll;
static char received[1 << 20];

static long started, good, errors, exchanges;
static double bytes;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void read_message(struct message *message, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path);
    message->length = fread(message->bytes, 1, sizeof message->bytes, file);
    fclose(file);
}

static void watch(struct connection *connection, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event))
        die("epoll_ctl");
}

static void use_source(int fd, long number) {
    struct sockaddr_in own = {.sin_family = AF_INET};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % sources);
    // The port is chosen by connect(2), so that one may serve several targets at the same time.
    int yes = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&own, sizeof own))
        die("bind");
}

static void start(struct connection *connection) {
    int yes = 1;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    memset(connection, 0, sizeof *connection);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connection->fd < 0)
        die("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (sources)
        use_source(connection->fd, started);
    started++;
    if (connect(connection->fd, (struct sockaddr *)&target, sizeof target) && errno != EINPROGRESS)
        die("connect");
    watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

// Send a message; what an empty socket's buffer does not take at once is more than these measurements send.
static int send_message(struct connection *connection, const struct message *message) {
    connection->left = message->answer;
    connection->matched = 0;
    return send(connection->fd, message->bytes, message->length, MSG_NOSIGNAL) == (ssize_t)message->length;
}

// Whether what has come ends with the mark, which may be cut anywhere; the mark's first byte occurs in it only once.
static int marked(struct connection *connection, ssize_t count) {
    for (ssize_t i = 0; i < count; i++) {
        if (mark[connection->matched] == received[i])
            connection->matched++;
        else
            connection->matched = mark[0] == received[i];
        if (!mark[connection->matched])
            return i + 1 == count;
    }
    return 0;
}

enum progress { WAITING, ANSWERED, BROKEN };

static enum progress read_answer(struct connection *connection) {
    long known = connection->exchanges ? next.answer : first.answer;
    size_t room = sizeof received;
    if (known && (size_t)connection->left < room)
        room = connection->left;
    // MSG_TRUNC: where only the length matters the kernel throws the bytes away without a copy (tcp(7)).
    ssize_t count = recv(connection->fd, received, room, known ? MSG_TRUNC : 0);
    if (count < 0 && errno == EAGAIN)
        return WAITING;
    if (count <= 0)
        return BROKEN;
    bytes += count;
    if (!known)
        return marked(connection, count) ? ANSWERED : WAITING;
    connection->left -= count;
    return connection->left ? WAITING : ANSWERED;
}

enum fate { GOES_ON, IS_DONE, HAS_FAILED };

// What one event makes of a connection.
static enum fate advance(struct connection *connection, unsigned events) {
    if (events & EPOLLOUT && !(events & EPOLLERR)) {
        if (!send_message(connection, &first))
            return HAS_FAILED;
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        return GOES_ON;
    }
    switch (read_answer(connection)) {
    case WAITING:
        return GOES_ON;
    case BROKEN:
        return HAS_FAILED;
    case ANSWERED:
        break;
    }
    exchanges++;
    if (connection->exchanges++ == more_exchanges)
        return IS_DONE;
    return send_message(connection, &next) ? GOES_ON : HAS_FAILED;
}

static void run(long count, long at_once) {
    // Where connections are kept each needs a place of its own; else a finished one leaves its place to the next.
    struct connection *all = calloc(keep ? count : at_once, sizeof *all);
    struct epoll_event events[EVENTS];
    for (long i = 0; i < at_once && started < count; i++)
        start(&all[i]);
    while (good + errors < count) {
        int ready = epoll_wait(epoll, events, EVENTS, STALLED_MS);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        if (ready == 0) {
            errors += count - good - errors;
            break;
        }
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            enum fate fate = advance(connection, events[i].events);
            if (fate == GOES_ON)
                continue;
            *(fate == IS_DONE ? &good : &errors) += 1;
            if (!keep || fate == HAS_FAILED)
                close(connection->fd);
            else
                watch(connection, EPOLL_CTL_DEL, 0);
            if (started < count)
                start(keep ? &all[started] : connection);
        }
    }
}

int main(int argc, char **argv) {
    long count = 1, at_once = 1;
    for (int option; (option = getopt(argc, argv, "n:c:f:e:t:F:E:m:s:k")) != -1;) {
        switch (option) {
        case 'n': count = atol(optarg); break;
        case 'c': at_once = atol(optarg); break;
        case 'f': read_message(&first, optarg); break;
        case 'e': first.answer = atol(optarg); break;
        case 't': more_exchanges = atoi(optarg); break;
        case 'F': read_message(&next, optarg); break;
        case 'E': next.answer = atol(optarg); break;
        case 'm': mark = optarg; break;
        case 's': sources = atoi(optarg); break;
        case 'k': keep = 1; break;
        default: return 2;
        }
    }
    char *colon = optind < argc ? strchr(argv[optind], ':') : NULL;
    if (!colon) {
        fprintf(stderr, "client: which ADDRESS:PORT?\n");
        return 2;
    }
    *colon = 0;
    target.sin_family = AF_INET;
    target.sin_port = htons(atoi(colon + 1));
    target.sin_addr.s_addr = inet_addr(argv[optind]);
    epoll = epoll_create1(0);
    alarm(LONGEST_RUN_S);

    double begun = now();
    run(count, at_once);
    printf("{\"connections\": %ld, \"exchanges\": %ld, \"bytes\": %.0f, \"errors\": %ld, \"seconds\": %.6f}\n",
           good, exchanges, bytes, errors, now() - begun);
    fflush(stdout);
    if (keep)
        while (read(0, received, sizeof received) > 0)
            ;
    return 0;
}
