/* A sign-in by pidgin-sipe (protocol prpl-sipe of libpurple) without a user interface.
 *
 * Standard input: the password on the first line, then `quit`, or its end, to sign out.
 * Standard output, one line per event: connecting, connected, error: TEXT, disconnected.
 * Standard error: libpurple's and SIPE's debug log.
 * Exit status: 0 after `quit` of a connected account, 1 otherwise, 2 for wrong arguments.
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <glib.h>
#include <purple.h>

#define UI_ID "sipauthctl-interop"
#define PROTOCOL_ID "prpl-sipe"

static GMainLoop *loop;
static gboolean connected;
static gboolean failed;

static void say(const char *what, const char *detail)
{
    char *line = detail == NULL ? g_strdup(what) : g_strdup_printf("%s: %s", what, detail);
    puts(g_strdelimit(line, "\r\n", ' '));
    fflush(stdout);
    g_free(line);
}

static void log_to_stderr(const gchar *text)
{
    fputs(text, stderr);
}

/* libpurple's event loop, on GLib. */

typedef struct {
    PurpleInputFunction function;
    gpointer data;
} Watch;

static gboolean on_io(GIOChannel *channel, GIOCondition condition, gpointer data)
{
    Watch *watch = data;
    PurpleInputCondition purple_condition = 0;

    if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
        purple_condition |= PURPLE_INPUT_READ;
    if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL))
        purple_condition |= PURPLE_INPUT_WRITE;
    watch->function(watch->data, g_io_channel_unix_get_fd(channel), purple_condition);
    return TRUE;
}

/* SIPE sends its good-bye and closes without reading the answers. The kernel would then throw away what Nagle's algorithm
 * still holds back. */
static void send_at_once(gint fd)
{
    int yes = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* fails for what is no TCP socket, which is fine */
}

static guint input_add(gint fd, PurpleInputCondition purple_condition, PurpleInputFunction function, gpointer data)
{
    Watch *watch = g_new0(Watch, 1);
    GIOCondition condition = G_IO_HUP | G_IO_ERR | G_IO_NVAL;
    GIOChannel *channel = g_io_channel_unix_new(fd);
    guint id;

    watch->function = function;
    watch->data = data;
    if (purple_condition & PURPLE_INPUT_READ)
        condition |= G_IO_IN;
    if (purple_condition & PURPLE_INPUT_WRITE)
        condition |= G_IO_OUT;
    id = g_io_add_watch_full(channel, G_PRIORITY_DEFAULT, condition, on_io, watch, g_free);
    g_io_channel_unref(channel);
    send_at_once(fd);
    return id;
}

static PurpleEventLoopUiOps event_loop = {
    .timeout_add = g_timeout_add,
    .timeout_remove = g_source_remove,
    .input_add = input_add,
    .input_remove = g_source_remove,
    .timeout_add_seconds = g_timeout_add_seconds,
};

/* What becomes of the account. */

static void on_signing_on(PurpleConnection *connection, gpointer data)
{
    (void)connection, (void)data;
    say("connecting", NULL);
}

static void on_signed_on(PurpleConnection *connection, gpointer data)
{
    (void)connection, (void)data;
    connected = TRUE;
    say("connected", NULL);
}

static void on_error(PurpleConnection *connection, PurpleConnectionError reason, const char *text, gpointer data)
{
    (void)connection, (void)reason, (void)data;
    failed = TRUE;
    say("error", text);
}

static void on_signed_off(PurpleConnection *connection, gpointer data)
{
    (void)connection, (void)data;
    say("disconnected", NULL);
    g_main_loop_quit(loop);
}

static gboolean on_time_out(gpointer data)
{
    (void)data;
    failed = TRUE;
    say("error", "timed out");
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static gboolean on_input(GIOChannel *input, GIOCondition condition, gpointer account)
{
    char *line = NULL;
    GIOStatus status = g_io_channel_read_line(input, &line, NULL, NULL, NULL);
    gboolean quit = status != G_IO_STATUS_NORMAL || strcmp(g_strchomp(line), "quit") == 0;

    (void)condition;
    g_free(line);
    if (!quit)
        return G_SOURCE_CONTINUE;
    if (purple_account_is_disconnected(account))
        g_main_loop_quit(loop);
    else
        purple_account_disconnect(account); /* SIPE sends its de-registration */
    return G_SOURCE_REMOVE;
}

static void watch_connections(void)
{
    static int handle;
    void *connections = purple_connections_get_handle();

    purple_signal_connect(connections, "signing-on", &handle, PURPLE_CALLBACK(on_signing_on), NULL);
    purple_signal_connect(connections, "signed-on", &handle, PURPLE_CALLBACK(on_signed_on), NULL);
    purple_signal_connect(connections, "connection-error", &handle, PURPLE_CALLBACK(on_error), NULL);
    purple_signal_connect(connections, "signed-off", &handle, PURPLE_CALLBACK(on_signed_off), NULL);
}

static gboolean start_purple(const char *user_dir)
{
    g_set_print_handler(log_to_stderr); /* libpurple prints its debug log by g_print */
    purple_debug_set_enabled(TRUE);
    purple_util_set_user_dir(user_dir);
    purple_eventloop_set_ui_ops(&event_loop);
    if (!purple_core_init(UI_ID))
        return FALSE;
    purple_set_blist(purple_blist_new());
    purple_prefs_load();
    purple_prefs_set_bool("/purple/network/auto_ip", FALSE); /* nothing but the servers is to be asked */
    purple_prefs_set_bool("/purple/network/map_ports", FALSE);
    return TRUE;
}

int main(int argc, char **argv)
{
    char *user_dir = NULL, *username = NULL, *server = NULL, *transport = NULL, *authentication = NULL;
    int time_out = 60;
    GOptionEntry entries[] = {
        {"user-dir", 0, 0, G_OPTION_ARG_FILENAME, &user_dir, "libpurple's directory", "DIR"},
        {"username", 0, 0, G_OPTION_ARG_STRING, &username, "address and logon name", "USER@SIPDOMAIN,LOGIN"},
        {"server", 0, 0, G_OPTION_ARG_STRING, &server, "where to connect", "HOST:PORT"},
        {"transport", 0, 0, G_OPTION_ARG_STRING, &transport, "tls or tcp", "NAME"},
        {"authentication", 0, 0, G_OPTION_ARG_STRING, &authentication, "ntlm or krb5", "NAME"},
        {"time-out", 0, 0, G_OPTION_ARG_INT, &time_out, "end after this time (60)", "SECONDS"},
        {NULL},
    };
    GOptionContext *options = g_option_context_new(NULL);
    GError *problem = NULL;
    GIOChannel *input = g_io_channel_unix_new(0);
    PurpleAccount *account;
    char *password = NULL;

    g_option_context_add_main_entries(options, entries, NULL);
    if (!g_option_context_parse(options, &argc, &argv, &problem)) {
        fprintf(stderr, "%s\n", problem->message);
        return 2;
    }
    if (!user_dir || !username || !server || !transport || !authentication) {
        fputs("--user-dir, --username, --server, --transport and --authentication are required\n", stderr);
        return 2;
    }
    if (g_io_channel_read_line(input, &password, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        fputs("no password on standard input\n", stderr);
        return 2;
    }
    if (!start_purple(user_dir)) {
        say("error", "libpurple does not start");
        return 1;
    }
    if (purple_find_prpl(PROTOCOL_ID) == NULL) {
        say("error", "libpurple finds no " PROTOCOL_ID);
        return 1;
    }

    account = purple_account_new(username, PROTOCOL_ID);
    purple_account_set_password(account, g_strchomp(password));
    purple_account_set_string(account, "server", server);
    purple_account_set_string(account, "transport", transport);
    purple_account_set_string(account, "authentication", authentication);
    purple_account_set_bool(account, "sso", strcmp(authentication, "krb5") == 0); /* from the credential cache */
    /* libpurple loses 256 bytes after a message of exactly 768, which the first would be with the usual long name */
    purple_account_set_string(account, "useragent", "SIPE in a test");
    purple_account_set_bool(account, "dont-publish", TRUE); /* else SIPE looks for an Exchange server */
    purple_accounts_add(account);

    loop = g_main_loop_new(NULL, FALSE);
    watch_connections();
    g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, account);
    g_timeout_add_seconds(time_out, on_time_out, NULL);
    purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));
    purple_account_set_enabled(account, UI_ID, TRUE);
    g_main_loop_run(loop);
    return connected && !failed ? 0 : 1;
}
