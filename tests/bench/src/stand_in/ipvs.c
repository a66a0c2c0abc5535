/* Stands in for the kernel's IPVS where there is none, so that checks can be measured at their real speed:
 * preloaded into a daemon, it answers what that says to generic netlink. It keeps services and
 * destinations as they were given, and forwards nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS = 65536, FAMILY = 0x25, CHUNK = 7000, LONGEST = 256 };

/* The other end of each socket that is ours, plus one. */
static int other_end[FDS];

struct entry {
    int used, service, length;
    unsigned char attributes[LONGEST];
};
static struct entry *services, *destinations;
static int service_count, destination_count;

static const struct nlattr *find(const void *bytes, int length, int type)
{
    const char *at = bytes, *end = at + length;
    while (at + NLA_HDRLEN <= end) {
        const struct nlattr *attribute = (const void *)at;
        if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > end)
            break;
        if ((attribute->nla_type & NLA_TYPE_MASK) == type)
            return attribute;
        at += NLA_ALIGN(attribute->nla_len);
    }
    return NULL;
}

static int same(const void *a, int a_length, const void *b, int b_length, int type)
{
    const struct nlattr *x = find(a, a_length, type), *y = find(b, b_length, type);
    if (!x || !y)
        return !x && !y;
    /* An address may be written with 4 bytes or with 16. */
    int length = x->nla_len < y->nla_len ? x->nla_len : y->nla_len;
    return !memcmp((char *)x + NLA_HDRLEN, (char *)y + NLA_HDRLEN, length - NLA_HDRLEN);
}

static struct entry *lookup(struct entry *all, int count, int service, const void *bytes, int length)
{
    static const int of_service[] = { IPVS_SVC_ATTR_AF, IPVS_SVC_ATTR_PROTOCOL, IPVS_SVC_ATTR_ADDR,
                                      IPVS_SVC_ATTR_PORT, IPVS_SVC_ATTR_FWMARK, 0 };
    static const int of_destination[] = { IPVS_DEST_ATTR_ADDR, IPVS_DEST_ATTR_PORT, 0 };
    for (int i = 0; i < count; i++) {
        if (!all[i].used || all[i].service != service)
            continue;
        const int *type = service < 0 ? of_service : of_destination;
        while (*type && same(all[i].attributes, all[i].length, bytes, length, *type))
            type++;
        if (!*type)
            return &all[i];
    }
    return NULL;
}

static int store(struct entry **all, int *count, int service, const void *bytes, int length)
{
    if (length > LONGEST)
        return -EINVAL;
    if (*count % 1024 == 0)
        *all = realloc(*all, sizeof(struct entry) * (*count + 1024));
    struct entry *entry = &(*all)[(*count)++];
    entry->used = 1;
    entry->service = service;
    entry->length = length;
    memcpy(entry->attributes, bytes, length);
    return 0;
}

/* Messages that are to be read next. */
static unsigned char answer[CHUNK + 4096];
static int answer_length, answer_fd;

static void deliver(void)
{
    if (answer_length)
        (void)!write(other_end[answer_fd] - 1, answer, answer_length);
    answer_length = 0;
}

static void say(const struct nlmsghdr *request, int type, int flags, const void *head, int head_length,
                const void *body, int length)
{
    if (answer_length > CHUNK)
        deliver();
    struct nlmsghdr *message = (void *)(answer + answer_length);
    *message = (struct nlmsghdr){ NLMSG_LENGTH(head_length + length), type, flags,
                                  request->nlmsg_seq, request->nlmsg_pid };
    memcpy(NLMSG_DATA(message), head, head_length);
    memcpy((char *)NLMSG_DATA(message) + head_length, body, length);
    answer_length += NLMSG_ALIGN(message->nlmsg_len);
}

static void say_error(const struct nlmsghdr *request, int error)
{
    struct nlmsgerr body = { error, *request };
    /* The kernel acknowledges in a datagram of its own, and some readers count on it. */
    deliver();
    say(request, NLMSG_ERROR, 0, &body, sizeof body, "", 0);
}

static void say_done(const struct nlmsghdr *request)
{
    int status = 0;
    say(request, NLMSG_DONE, NLM_F_MULTI, &status, sizeof status, "", 0);
}

static int put(unsigned char *to, int type, const void *bytes, int length)
{
    struct nlattr *attribute = (void *)to;
    *attribute = (struct nlattr){ NLA_HDRLEN + length, type };
    memcpy(to + NLA_HDRLEN, bytes, length);
    memset(to + NLA_HDRLEN + length, 0, NLA_ALIGN(length) - length);
    return NLA_ALIGN(attribute->nla_len);
}

static void family(const struct nlmsghdr *request, const void *bytes, int length)
{
    const struct nlattr *name = find(bytes, length, CTRL_ATTR_FAMILY_NAME);
    if (!name || strcmp((char *)name + NLA_HDRLEN, "IPVS")) {
        say_error(request, -ENOENT);
        return;
    }
    struct genlmsghdr head = { CTRL_CMD_NEWFAMILY, 2, 0 };
    unsigned char body[128];
    uint16_t id = FAMILY;
    uint32_t version = 1, header = 0, most = 8;
    int used = put(body, CTRL_ATTR_FAMILY_ID, &id, sizeof id);
    used += put(body + used, CTRL_ATTR_FAMILY_NAME, "IPVS", 5);
    used += put(body + used, CTRL_ATTR_VERSION, &version, sizeof version);
    used += put(body + used, CTRL_ATTR_HDRSIZE, &header, sizeof header);
    used += put(body + used, CTRL_ATTR_MAXATTR, &most, sizeof most);
    say(request, GENL_ID_CTRL, 0, &head, sizeof head, body, used);
    if (request->nlmsg_flags & NLM_F_ACK)
        say_error(request, 0);
}

static void dump(const struct nlmsghdr *request, int cmd, int type, const struct entry *all, int count, int service)
{
    struct genlmsghdr head = { cmd, 1, 0 };
    unsigned char body[LONGEST + 64];
    for (int i = 0; i < count; i++)
        if (all[i].used && all[i].service == service) {
            int used = put(body, type | NLA_F_NESTED, all[i].attributes, all[i].length);
            say(request, FAMILY, NLM_F_MULTI, &head, sizeof head, body, used);
        }
    say_done(request);
}

static void settings(const struct nlmsghdr *request, int cmd)
{
    struct genlmsghdr head = { cmd, 1, 0 };
    unsigned char body[64];
    uint32_t version = 0x010201, size = 4096, times[] = { 900, 120, 300 };
    int used = 0;
    if (cmd == IPVS_CMD_SET_INFO) {
        used += put(body, IPVS_INFO_ATTR_VERSION, &version, 4);
        used += put(body + used, IPVS_INFO_ATTR_CONN_TAB_SIZE, &size, 4);
    } else {
        for (int i = 0; i < 3; i++)
            used += put(body + used, IPVS_CMD_ATTR_TIMEOUT_TCP + i, &times[i], 4);
    }
    say(request, FAMILY, 0, &head, sizeof head, body, used);
    if (request->nlmsg_flags & NLM_F_ACK)
        say_error(request, 0);
}

static int merge(struct entry *entry, const void *bytes, int length)
{
    if (length > LONGEST)
        return -EINVAL;
    entry->length = length;
    memcpy(entry->attributes, bytes, length);
    return 0;
}

static void table(const struct nlmsghdr *request, const struct genlmsghdr *head, const char *bytes, int length)
{
    const struct nlattr *a = find(bytes, length, IPVS_CMD_ATTR_SERVICE);
    const struct nlattr *b = find(bytes, length, IPVS_CMD_ATTR_DEST);
    const char *svc = a ? (char *)a + NLA_HDRLEN : "", *dst = b ? (char *)b + NLA_HDRLEN : "";
    int svc_length = a ? a->nla_len - NLA_HDRLEN : 0, dst_length = b ? b->nla_len - NLA_HDRLEN : 0;
    struct entry *service = a ? lookup(services, service_count, -1, svc, svc_length) : NULL;
    int place = service ? (int)(service - services) : -2;
    struct entry *destination = service && b
        ? lookup(destinations, destination_count, place, dst, dst_length) : NULL;
    int error = 0;
    switch (head->cmd) {
    case IPVS_CMD_NEW_SERVICE:
        error = service ? -EEXIST : store(&services, &service_count, -1, svc, svc_length);
        break;
    case IPVS_CMD_SET_SERVICE:
        error = service ? merge(service, svc, svc_length) : -ESRCH;
        break;
    case IPVS_CMD_DEL_SERVICE:
        if (service) {
            service->used = 0;
            for (int i = 0; i < destination_count; i++)
                if (destinations[i].service == place)
                    destinations[i].used = 0;
        }
        error = service ? 0 : -ESRCH;
        break;
    case IPVS_CMD_NEW_DEST:
        error = !service ? -ESRCH : destination ? -EEXIST
            : store(&destinations, &destination_count, place, dst, dst_length);
        break;
    case IPVS_CMD_SET_DEST:
        error = destination ? merge(destination, dst, dst_length) : -ENOENT;
        break;
    case IPVS_CMD_DEL_DEST:
        error = destination ? (destination->used = 0) : -ENOENT;
        break;
    case IPVS_CMD_GET_SERVICE:
        dump(request, IPVS_CMD_NEW_SERVICE, IPVS_CMD_ATTR_SERVICE, services, service_count, -1);
        return;
    case IPVS_CMD_GET_DEST:
        dump(request, IPVS_CMD_NEW_DEST, IPVS_CMD_ATTR_DEST, destinations, destination_count, place);
        return;
    case IPVS_CMD_GET_DAEMON:
        say_done(request);
        return;
    case IPVS_CMD_GET_INFO:
        settings(request, IPVS_CMD_SET_INFO);
        return;
    case IPVS_CMD_GET_CONFIG:
        settings(request, IPVS_CMD_SET_CONFIG);
        return;
    case IPVS_CMD_FLUSH:
        service_count = destination_count = 0;
        break;
    }
    if (error || request->nlmsg_flags & NLM_F_ACK)
        say_error(request, error);
}

static void hear(int fd, const char *bytes, size_t length)
{
    answer_fd = fd;
    while (length >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *request = (const void *)bytes;
        if (request->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN) || request->nlmsg_len > length)
            break;
        const struct genlmsghdr *head = NLMSG_DATA(request);
        const char *body = (const char *)head + GENL_HDRLEN;
        int rest = request->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
        if (request->nlmsg_type == GENL_ID_CTRL)
            family(request, body, rest);
        else
            table(request, head, body, rest);
        size_t step = NLMSG_ALIGN(request->nlmsg_len);
        if (step >= length)
            break;
        bytes += step, length -= step;
    }
    deliver();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
static int is_ours(int fd) { return fd >= 0 && fd < FDS && other_end[fd]; }

static void name_kernel(void *name, socklen_t *length)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    if (name && length && *length >= sizeof kernel) {
        memcpy(name, &kernel, sizeof kernel);
        *length = sizeof kernel;
    }
}

int socket(int domain, int type, int protocol)
{
    static int (*real)(int, int, int);
    if (!real)
        real = REAL(socket);
    if (domain != AF_NETLINK || protocol != NETLINK_GENERIC)
        return real(domain, type, protocol);
    int pair[2], size = 8 << 20;
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | flags, 0, pair) || pair[0] >= FDS)
        return -1;
    REAL(setsockopt)(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    other_end[pair[0]] = pair[1] + 1;
    return pair[0];
}

int close(int fd)
{
    static int (*real)(int);
    if (!real)
        real = REAL(close);
    if (is_ours(fd)) {
        real(other_end[fd] - 1);
        other_end[fd] = 0;
    }
    return real(fd);
}

int bind(int fd, const struct sockaddr *name, socklen_t length)
{
    return is_ours(fd) ? 0 : REAL(bind)(fd, name, length);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    return is_ours(fd) ? 0 : REAL(setsockopt)(fd, level, option, value, length);
}

int getsockname(int fd, struct sockaddr *name, socklen_t *length)
{
    if (!is_ours(fd))
        return REAL(getsockname)(fd, name, length);
    name_kernel(name, length);
    ((struct sockaddr_nl *)name)->nl_pid = getpid();
    return 0;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (!is_ours(fd))
        return REAL(sendmsg)(fd, message, flags);
    ssize_t all = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        hear(fd, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
        all += message->msg_iov[i].iov_len;
    }
    return all;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t to_length)
{
    if (!is_ours(fd))
        return REAL(sendto)(fd, bytes, length, flags, to, to_length);
    hear(fd, bytes, length);
    return length;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    return sendto(fd, bytes, length, flags, NULL, 0);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (!is_ours(fd))
        return REAL(recvmsg)(fd, message, flags);
    void *name = message->msg_name;
    socklen_t length = message->msg_namelen;
    ssize_t got = REAL(recvmsg)(fd, message, flags);
    message->msg_name = name;
    name_kernel(name, &length);
    message->msg_namelen = length;
    return got;
}

ssize_t recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *from, socklen_t *length)
{
    if (!is_ours(fd))
        return REAL(recvfrom)(fd, bytes, size, flags, from, length);
    ssize_t got = REAL(recvfrom)(fd, bytes, size, flags, NULL, NULL);
    name_kernel(from, length);
    return got;
}
