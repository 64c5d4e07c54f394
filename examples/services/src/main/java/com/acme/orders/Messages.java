package com.acme.orders;

import java.util.Random;
import java.util.regex.Pattern;

/** Messages as services log them, and as their users and other systems make them. */
final class Messages {

    /** Shapes of one line. */
    private static final String[] SHORT = {
        "",
        " ",
        ":",
        " : ",
        "-",
        "---",
        "null",
        "{}",
        "[]",
        "#",
        "42",
        "Order %d accepted for customer %d, 3 items, total 17.40 EUR",
        "POST http://payments:8081/api/v1/payments -> 201 in %d ms",
        "state : PAID, before : CREATED, order : %d",
        ": begins with a colon %d",
        "ends with a colon %d : ",
        "ends with a colon %d :",
        "--- order %d ---",
        "ERROR 4711 --- [main] is no head %d",
        "[main] c.a.o.Order : neither is this %d",
        "[orders] [%d] [x]",
        "[",
        "] %d",
        "[[nested] brackets [of %d]]",
        "{\"order\":%d,\"items\":[{\"id\":1,\"name\":\"a \\\"quoted\\\" one\"}],\"total\":17.4}",
        "{\"@timestamp\":\"2026-11-27T12:00:00.000Z\",\"message\":\"json %d\"}",
        "payload={\"order\":%d}",
        "{order=%d, state=PAID}",
        "a\ttab\tor\ttwo %d",
        "\tbegins with a tab %d",
        "    begins with spaces %d",
        "ends with spaces %d   ",
        "ends with a tab %d\t",
        "bell \u0007, backspace \b, delete \u007f, escape \u001b, unit \u001f: %d",
        "null \u0000 byte %d",
        "form\ffeed and vertical\u000btab %d",
        "next\u0085line and line\u2028separator and paragraph\u2029separator %d",
        "\u001b[31mred\u001b[0m and \u001b[1;32mgreen\u001b[0m %d",
        "emoji \ud83d\ude80\ud83d\ude4c\ud83c\udffd and \ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67 %d",
        "\u00e4\u00f6\u00fc\u00df \u00e9\u00e8 \u4f60\u597d \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 a\u0308 %d",
        "zero\u200bwidth, no\u00a0break, mark\ufeff, right\u202eleft\u202c %d",
        "percent 100%% of %d and a back\\slash and \\n that is none",
        "<html><body onload=\"alert('%d')\"></body></html>",
        "${jndi:ldap://127.0.0.1/%d} and #{systemProperties} and {{x}}",
        "2026-11-27 12:00:00.000 begins with a time %d",
        "2026-11-27T12:00:00.000Z begins with a time %d",
        "12:00:00.000 begins with a time of day %d",
        "2026-11-27 12:00:00.000  INFO 1 --- [main] c.a.Order : a whole line in one line %d",
        "java.lang.IllegalStateException: named but not thrown %d",
        "failed: java.io.IOException: broken pipe %d",
        "Caused by: nothing %d",
        "\tat com.acme.orders.Order.pay(Order.java:%d)",
        "... 12 more",
        "Hibernate: select %d",
        "Exception in thread \"main\" was read somewhere %d",
        "carriage\rreturn alone %d",
        "ends with a carriage return %d\r",
        "user='o''brien' sql=\"select * from t where a='x' -- %d\" tail",
        "key=value a=1 b=\"two words\" c=[1,2,%d]",
        "127.0.0.1 - - [27/Nov/2026:12:00:00 +0000] \"GET /orders/%d HTTP/1.1\" 200 512",
    };

    /** Shapes of several lines. */
    private static final String[] LONG = {
        "select\n    o1_0.id,\n    o1_0.state \nfrom\n    orders o1_0 \nwhere\n    o1_0.id=%d",
        "\n    /* insert for\n        com.acme.orders.Order */insert \n    into\n        orders (state, id) \n    values\n        (?, %d)",
        "SELECT *\nFROM orders\nWHERE id = %d\nORDER BY 1;",
        "answer:\n{\n  \"order\" : %d,\n  \"items\" : [ {\n    \"id\" : 1\n  } ]\n}",
        "{\n  \"order\" : %d\n}",
        "answer was\n[\n  {\"order\": %d}\n]",
        "<order>\n  <id>%d</id>\n</order>",
        "+----+-------+\n| id | state |\n+----+-------+\n| %d  | PAID  |\n+----+-------+",
        "id\tstate\n%d\tPAID\n2\tNEW",
        "report:\n\n\n  three blank lines above %d",
        "first\n\nthird, order %d",
        "\nbegins with a line feed %d",
        "\n\n\nbegins with three %d\n",
        "ends with a line feed %d\n",
        "ends with two %d\n\n",
        "windows\r\nlines %d\r\nthree",
        "windows at the end %d\r\n",
        "runs:\n2026-11-27 12:00:00.000 started %d\n2026-11-27 12:00:01.000 ended",
        "runs:\n2026-11-27T12:00:00.000Z started %d",
        "runs:\n12:00:00 started %d\n12:00:01.500 ended",
        "database said:\n2026-11-27 12:00:00.000 UTC [%d] ERROR:  deadlock detected",
        "2026-11-27\n%d",
        "list of orders:\n- %d\n- 2\n* 3\n1. four",
        "yaml:\norder:\n  id: %d\nitems: []",
        "properties:\norder.id=%d\norder.state=PAID\nspring.main.banner-mode=off",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Id: %d\r\n\r\n{\"ok\":true}",
        "headers:\nAccept: */*\nHost: localhost:%d",
        "usage: order <id>\n  --id  the id, such as %d\n  --dry-run",
        "diff:\n--- a/order\n+++ b/order\n@@ -1 +1 @@\n-%d\n+2",
        "[\n%d\n]",
        "emoji\n\ud83d\ude80 %d\nend",
        "Multiple\nwords: with a colon %d\nIllegalState: none\ncom.acme.orders: a package",
        "\n",
        "\n\n",
        "   \n   ",
        " \n\n\t\n.",
        "one %d\n \ntwo\n\t\nthree",
        "a\nb\nc\nd\ne\nf %d",
        "curl -v:\n> GET /orders/%d HTTP/1.1\n< HTTP/1.1 200\n* Connection #0 left intact",
        "Error 1\n-------\nat line %d: unexpected token\n\nError 2\n-------\nnone",
        "orders.csv:\n\"id\",\"state\"\n%d,\"PAID\"",
        "{\"a\":1}\n{\"b\":%d}",
        "key: %d\nError: not found\nException: none",
        "classes loaded:\ncom.acme.orders.Order\ncom.acme.orders.Orders$Inner %d",
        "thread dump:\n\"main\" #1 prio=5 os_prio=0 tid=0x%x nid=0x1 runnable\n   java.lang.Thread.State: RUNNABLE\n"
                + "\tat java.lang.Object.wait(Native Method)\n\tat java.lang.Thread.run(Thread.java:1)\n",
        "validation of %d failed:\nname must not be blank;\ntotal must be positive",
        "\n\n============================\nORDERS REPORT\n============================\n\n\nOpen: %d\n-----\n\n   - one\n\n",
        "fenced %d:\n```\ncode\n```",
        "tree %d\n\u251c\u2500\u2500 a\n\u2514\u2500\u2500 b",
        "Picked up\nPicked up %d items",
        "log4j said:\nmain ERROR Unable to locate appender %d",
        "warning:\nWARNING: An illegal reflective access of %d",
        "another log:\n2026-11-27 12:00:00.000 ERROR payment %d failed\n2026-11-27 12:00:00.001 INFO  trying again",
        "PostgreSQL:\n2026-11-27 12:00:00.123 CET [%d] LOG:  duration: 1.234 ms  statement: SELECT 1",
        "nginx:\n127.0.0.1 - - [27/Nov/2026:12:00:00 +0000] \"GET /orders HTTP/1.1\" 200 %d",
        "Kubernetes:\nE1127 12:00:00.123456       1 main.go:%d] failed",
        "syslog:\nNov 27 12:00:00 host app[%d]: started",
        "Maven:\n[INFO] Building orders 1.0\n[ERROR] Failed to execute goal %d",
        "remote trace of %d:\n  at com.acme.Remote.call(Remote.java:1)\n  at com.acme.Main.main(Main.java:2)",
        "Traceback (most recent call last):\n  File \"a.py\", line %d, in <module>\nValueError: none",
        "TypeError: x is undefined\n    at f (a.js:%d:2)\n    at g (a.js:3:4)",
        "[PaymentClient#pay] ---> POST http://payments/api HTTP/1.1\nContent-Length: %d\n\n{\"id\":1}\n---> END HTTP",
        "[PaymentClient#pay] <--- HTTP/1.1 200 (%d ms)\ncontent-type: application/json\n\n{}\n<--- END HTTP (2-byte body)",
        "---\n- order: %d\n---\n",
        "reason of %d:\nCaused by: nothing that was thrown\n",
        "ERROR: column \"x\" does not exist\n  Position: %d",
        "%d rows\n=======",
        "INFO  at the begin of a line %d\nWARN  and of the next\nERROR [main] and the last",
    };

    /** A whole line of a log inside a message: nobody can tell where such an event ends. */
    private static final String[] WHOLE = {
        "last lines:\n2026-11-27 12:00:00.000  INFO 1 --- [main] c.a.orders.Order : order %d\nend",
        "last lines:\n2026-11-27T12:00:00.000+01:00 ERROR 1 --- [orders] [main] c.a.orders.Order : order %d",
        "last lines:\n2026-11-27 12:00:00.000 [main] INFO  c.a.orders.Order - order %d",
        "last lines:\n{\"@timestamp\":\"2026-11-27T12:00:00.000Z\",\"message\":\"order %d\"}",
    };

    /** What begins lines of traces and of what no logger writes: below another line, nobody can tell it from these. */
    private static final Pattern BEGINS_SOMETHING =
            Pattern.compile("\\tat |\\.\\.\\. |Caused by|java\\.|Hibernate: |Exception in thread|\\{\"@timestamp");

    private Messages() {}

    static String one(Random random) {
        int kind = random.nextInt(100);
        if (kind < 12) {
            return composed(random);
        }
        String[] shapes = kind < 60 ? SHORT : kind < 99 ? LONG : WHOLE;
        return fill(shapes[random.nextInt(shapes.length)], random);
    }

    /** Some lines that nobody has put together before. */
    private static String composed(Random random) {
        StringBuilder message = new StringBuilder(ofOneLine(random));
        for (int lines = 1 + random.nextInt(6); lines > 0; ) {
            String line = ofOneLine(random);
            if (!BEGINS_SOMETHING.matcher(line).lookingAt()) {
                message.append('\n').append(line);
                lines--;
            }
        }
        return message.toString();
    }

    static String ofOneLine(Random random) {
        return fill(SHORT[random.nextInt(SHORT.length)], random);
    }

    static int count() {
        return SHORT.length + LONG.length + WHOLE.length;
    }

    /** Each shape once. */
    static String get(int number, Random random) {
        String[] shapes = SHORT;
        int at = number;
        if (at >= SHORT.length) {
            at -= SHORT.length;
            shapes = LONG;
        }
        if (shapes == LONG && at >= LONG.length) {
            at -= LONG.length;
            shapes = WHOLE;
        }
        return fill(shapes[at], random);
    }

    private static String fill(String shape, Random random) {
        int number = random.nextInt(10_000);
        return shape.indexOf('%') < 0 ? shape : String.format(shape, number, number + 1);
    }
}
