/* udpload - asks a UDP server on this machine as fast as it answers, within a window.
 *
 *   gcc -O2 -Wall -Wextra -o udpload udpload.c
 *   udpload -p PORT -f FILE [-a ADDRESS] [-b ADDRESS:PORT] [-w WINDOW] [-t SECONDS]
 *           [-l LOSS_MS] [-c PID]
 *
 * FILE holds the datagrams to send, in the order of sending, over and over: each is its length
 * (32 bits, least significant byte first) and its bytes.  Nothing in them is changed or understood,
 * so that sealed datagrams can be sent.  Every datagram that comes back counts as the answer to the
 * oldest request still open; one left open for LOSS_MS is given up and counted as lost.
 *
 *   -a  the server's address, in 127.0.0.0/8 (anything else is refused); default 127.0.0.1
 *   -b  bind to this address and port, for requests whose token belongs to an endpoint
 *   -w  requests open at a time, at most 1024; default 64
 *   -t  duration, at most 60; default 2
 *   -c  process whose CPU time is measured, all threads, from /proc/PID/task/TID/schedstat
 *
 * Prints one line of JSON: sent, replies, lost, unasked (answers when no request was open), wall
 * and cpu (seconds), reply_bytes (mean), p50_us and p99_us (microseconds; with a server that
 * answers in order they are exact).  Exit codes: 0, 1 for an error of the system, 2 for usage.
 *
 * One thread that never sleeps: give it a processor of its own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_WINDOW = 1024,
    MAX_DATAGRAM = 2048, /* above the largest datagram of the protocol, 1232 */
    MAX_SECONDS = 60,
    BATCH = 32, /* datagrams per system call */
    SOCKET_BUFFER = 4 << 20,
};

/* --- small helpers ---------------------------------------------------------------------------- */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void usage(const char *why) {
    fprintf(stderr, "udpload: %s; see the comment at the top of udpload.c\n", why);
    exit(2);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* CPU time of all threads of a process: the first number of each schedstat, in nanoseconds. */
static uint64_t cpu_ns(long pid) {
    char path[512];
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) die(path);
    uint64_t total = 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, task->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue; /* the thread has just ended */
        unsigned long long spent;
        if (fscanf(file, "%llu", &spent) == 1) total += spent;
        fclose(file);
    }
    closedir(tasks);
    return total;
}

/* --- what to send ----------------------------------------------------------------------------- */

struct datagrams {
    struct iovec *items;
    size_t count;
    size_t next;
};

static struct datagrams read_datagrams(const char *path) {
    struct datagrams all = {NULL, 0, 0};
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    unsigned char head[4];
    while (fread(head, 1, sizeof head, file) == sizeof head) {
        size_t length = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        if (length < 1 || length > MAX_DATAGRAM) usage("a datagram's length is out of range");
        all.items = realloc(all.items, (all.count + 1) * sizeof *all.items);
        unsigned char *bytes = malloc(length);
        if (!all.items || !bytes) die("malloc");
        if (fread(bytes, 1, length, file) != length) usage("the file ends inside a datagram");
        all.items[all.count++] = (struct iovec){bytes, length};
    }
    fclose(file);
    if (!all.count) usage("the file holds no datagram");
    return all;
}

/* --- the window: moments of sending of the open requests, oldest first ------------------------- */

struct window {
    uint64_t sent_at[MAX_WINDOW];
    unsigned oldest, open, size;
};

static void window_push(struct window *w, uint64_t moment) {
    w->sent_at[(w->oldest + w->open++) % MAX_WINDOW] = moment;
}

static uint64_t window_pop(struct window *w) {
    uint64_t moment = w->sent_at[w->oldest];
    w->oldest = (w->oldest + 1) % MAX_WINDOW;
    w->open--;
    return moment;
}

/* --- round-trip times: a histogram in steps of 1/8 octave of nanoseconds, bounded memory ------- */

enum { STEPS = 8, CELLS = 64 * STEPS };

static unsigned cell_of(uint64_t ns) {
    if (ns < STEPS) return (unsigned)ns;
    unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
    return octave * STEPS + (unsigned)((ns >> (octave - 3)) & (STEPS - 1));
}

static double quantile_us(const uint64_t *cells, uint64_t total, double q) {
    uint64_t seen = 0;
    for (unsigned cell = 0; cell < CELLS; cell++) {
        seen += cells[cell];
        if (total && seen >= q * total) {
            if (cell < 3 * STEPS) return 0.0;
            uint64_t low = (uint64_t)(STEPS + cell % STEPS) << (cell / STEPS - 3);
            return low / 1e3;
        }
    }
    return 0.0;
}

/* --- the run ---------------------------------------------------------------------------------- */

struct totals {
    uint64_t sent, replies, lost, unasked, reply_bytes;
    uint64_t rtt[CELLS];
};

struct batch {
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    unsigned char room[BATCH][MAX_DATAGRAM];
};

static void send_some(int fd, struct datagrams *all, struct window *w, struct totals *sum) {
    static struct mmsghdr heads[BATCH];
    unsigned free_slots = w->size - w->open;
    unsigned want = free_slots < BATCH ? free_slots : BATCH;
    if (!want) return;
    for (unsigned i = 0; i < want; i++) {
        heads[i].msg_hdr.msg_iov = &all->items[(all->next + i) % all->count];
        heads[i].msg_hdr.msg_iovlen = 1;
    }
    uint64_t moment = now_ns();
    int sent = sendmmsg(fd, heads, want, 0);
    if (sent < 0) {
        /* ECONNREFUSED reports an earlier datagram; a server that is gone shows up as lost. */
        if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED) die("sendmmsg");
        return;
    }
    for (int i = 0; i < sent; i++) window_push(w, moment);
    all->next = (all->next + (unsigned)sent) % all->count;
    sum->sent += (uint64_t)sent;
}

static void receive_some(int fd, struct batch *in, struct window *w, struct totals *sum) {
    int got = recvmmsg(fd, in->heads, BATCH, MSG_DONTWAIT, NULL);
    if (got < 0) {
        if (errno != EAGAIN && errno != ECONNREFUSED) die("recvmmsg");
        return;
    }
    uint64_t moment = now_ns();
    for (int i = 0; i < got; i++) {
        if (!w->open) {
            sum->unasked++;
            continue;
        }
        sum->rtt[cell_of(moment - window_pop(w))]++;
        sum->replies++;
        sum->reply_bytes += in->heads[i].msg_len;
    }
}

static void give_up(struct window *w, uint64_t patience, struct totals *sum) {
    uint64_t moment = now_ns();
    while (w->open && moment - w->sent_at[w->oldest] > patience) {
        window_pop(w);
        sum->lost++;
    }
}

static int open_socket(const char *host, long port, char *bind_to) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &there.sin_addr) != 1) usage("-a wants an IPv4 address");
    if (ntohl(there.sin_addr.s_addr) >> 24 != 127) usage("only loopback addresses may be asked");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = SOCKET_BUFFER;
    if (fd < 0) die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (bind_to) {
        char *colon = strchr(bind_to, ':');
        if (!colon) usage("-b wants ADDRESS:PORT");
        *colon = 0;
        struct sockaddr_in here = {.sin_family = AF_INET};
        here.sin_port = htons((uint16_t)atoi(colon + 1));
        if (inet_pton(AF_INET, bind_to, &here.sin_addr) != 1) usage("-b wants ADDRESS:PORT");
        if (bind(fd, (struct sockaddr *)&here, sizeof here)) die("bind");
    }
    if (connect(fd, (struct sockaddr *)&there, sizeof there)) die("connect");
    return fd;
}

int main(int argc, char **argv) {
    const char *host = "127.0.0.1", *path = NULL;
    char *bind_to = NULL;
    long port = 0, pid = 0;
    double seconds = 2, loss_ms = 500;
    static struct window w = {.size = 64};
    for (int option; (option = getopt(argc, argv, "a:b:p:f:w:t:l:c:")) != -1;) switch (option) {
        case 'a': host = optarg; break;
        case 'b': bind_to = optarg; break;
        case 'p': port = atol(optarg); break;
        case 'f': path = optarg; break;
        case 'w': w.size = (unsigned)atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'l': loss_ms = atof(optarg); break;
        case 'c': pid = atol(optarg); break;
        default: usage("unknown option");
        }
    if (!path || port < 1 || port > 65535) usage("-p and -f are needed");
    if (w.size < 1 || w.size > MAX_WINDOW) usage("-w must lie between 1 and 1024");
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) usage("-t must lie between 0 and 60");
    if (!(loss_ms > 0 && loss_ms <= 60000)) usage("-l must lie between 0 and 60000");

    static struct totals sum;
    static struct batch in;
    for (int i = 0; i < BATCH; i++) {
        in.parts[i] = (struct iovec){in.room[i], MAX_DATAGRAM};
        in.heads[i].msg_hdr.msg_iov = &in.parts[i];
        in.heads[i].msg_hdr.msg_iovlen = 1;
    }
    struct datagrams all = read_datagrams(path);
    int fd = open_socket(host, port, bind_to);
    uint64_t patience = (uint64_t)(loss_ms * 1e6);
    uint64_t cpu = pid ? cpu_ns(pid) : 0, start = now_ns();
    uint64_t end = start + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) {
        send_some(fd, &all, &w, &sum);
        receive_some(fd, &in, &w, &sum);
        give_up(&w, patience, &sum);
    }
    double wall = (now_ns() - start) / 1e9, spent = pid ? (cpu_ns(pid) - cpu) / 1e9 : 0;
    /* Let the open requests end, so that their answers do not run into the next measurement. */
    static struct totals uncounted;
    for (end = now_ns() + patience; w.open && now_ns() < end;) receive_some(fd, &in, &w, &uncounted);
    printf("{\"sent\": %llu, \"replies\": %llu, \"lost\": %llu, \"unasked\": %llu, ",
           (unsigned long long)sum.sent, (unsigned long long)sum.replies,
           (unsigned long long)sum.lost, (unsigned long long)sum.unasked);
    printf("\"wall\": %.6f, \"cpu\": %.6f, \"reply_bytes\": %.1f, ", wall, spent,
           sum.replies ? (double)sum.reply_bytes / sum.replies : 0.0);
    printf("\"p50_us\": %.1f, \"p99_us\": %.1f}\n", quantile_us(sum.rtt, sum.replies, .5),
           quantile_us(sum.rtt, sum.replies, .99));
    return 0;
}
