package com.acme.orders;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.net.ConnectException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Exceptions as they come out of Java, of libraries and of services. */
final class Throwables {

    private interface Maker {
        Throwable make(Random random) throws Throwable;
    }

    private static final Maker[] MAKERS = {
        random -> new IllegalStateException("Order " + random.nextInt(10_000) + " is already paid"),
        random -> new IllegalArgumentException(),
        random -> new IllegalStateException(""),
        random -> new RuntimeException(" "),
        random -> new IOException("one : two : three: " + random.nextInt(100)),
        random -> new RuntimeException("Order failed", deep(random, 6)),
        random -> deep(random, 3),
        random -> new RuntimeException(new IllegalStateException("wrapped without a message of its own")),
        random -> new RuntimeException((Throwable) null),
        random -> new Exception(new RuntimeException(new NullPointerException())),
        random -> new SQLException("ERROR: duplicate key value violates unique constraint \"orders_pk\"\n"
                + "  Detail: Key (id)=(" + random.nextInt(100) + ") already exists.", "23505"),
        random -> new RuntimeException("could not execute statement; SQL [insert into orders (id) values (?)]",
                new SQLException("ERROR: null value in column\n  Detail: Failing row contains (1, null).\n")),
        random -> new IllegalArgumentException("several\nlines\n\n  with a blank one: " + random.nextInt(100) + "\nend"),
        random -> new IllegalArgumentException("Validation failed:\n\t- name must not be blank\n\t- total must be > 0"),
        random -> new RuntimeException("\nbegins with a line feed"),
        random -> new RuntimeException("ends with a line feed\n"),
        random -> new RuntimeException("windows\r\nlines"),
        random -> new RuntimeException("a time\n2026-11-27 12:00:00.000 inside"),
        random -> new RuntimeException("Unexpected character ('x' (code 120)): was expecting double-quote to start field name\n"
                + " at [Source: (String)\"{x:" + random.nextInt(100) + "}\"; line: 1, column: 3]"),
        random -> new RuntimeException("JSON parse error: Unrecognized token 'nope'", new IOException(
                "Unrecognized token 'nope': was expecting (JSON String, Number, Array, Object or token 'null')\n"
                        + " at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 5]"
                        + " (through reference chain: com.acme.orders.Order[\"items\"]->java.util.ArrayList[0])")),
        random -> new RuntimeException("500 Internal Server Error: \"{\"error\":\"x\"}<EOL>\""),
        random -> new RuntimeException("{\"error\":{\"code\":" + random.nextInt(100) + "}}"),
        random -> new RuntimeException("emoji \ud83d\ude80 and \u00fcml\u00e4ut"),
        random -> new RuntimeException("tab\there, colour \u001b[31mred\u001b[0m"),
        random -> new Problem("no word of an exception in its name", null),
        random -> new Problem(null, new Problem.Quick("quick cause")),
        random -> new Problem.Quick("none kept"),
        random -> new Problem.Quick(null),
        random -> unnamed("no package " + random.nextInt(100)),
        random -> unnamed(null),
        random -> new RuntimeException("caused by one without a package", unnamed("inner")),
        random -> suppressed(random),
        random -> new RuntimeException("holder", suppressed(random)),
        random -> new RuntimeException("could not close", suppressed(random)),
        random -> new AssertionError("an assertion"),
        random -> new OutOfMemoryError("Java heap space"),
        random -> new NoClassDefFoundError("com/acme/orders/Gone"),
        random -> new ExceptionInInitializerError(new RuntimeException("static")),
        random -> new Throwable("a plain throwable"),
        random -> new InterruptedException(),
        random -> new RuntimeException() {
            private static final long serialVersionUID = 1;
        },
        random -> new RuntimeException("overridden") {
            private static final long serialVersionUID = 1;

            @Override
            public String getMessage() {
                return "said by getMessage";
            }
        },
        random -> new IllegalArgumentException("Validation failed for argument [0] in java.lang.String"
                + " com.acme.orders.Web.add(com.acme.orders.Order) with 2 errors: [Field error in object 'order' on field 'id':"
                + " rejected value [null]; codes [NotNull.order.id,NotNull.id,NotNull]] [Field error in object 'order' on field"
                + " 'total': rejected value [-" + random.nextInt(100) + "]] "),
        random -> new RuntimeException("401 Unauthorized: [{\"error\":\"invalid_token\"}]\n"
                + "WWW-Authenticate: Bearer realm=\"orders\"\n\n" + "body of " + random.nextInt(100)),
        random -> new IllegalStateException("Cannot resolve [${orders.url}] : no such property; see https://example.com/a:b"),
        random -> new RuntimeException("***************************\nAPPLICATION FAILED\n***************************"),
        random -> caught(() -> Integer.parseInt("12x")),
        random -> caught(() -> ((String) null).length()),
        random -> caught(() -> new int[2][random.nextInt(1) + 2].clone()),
        random -> caught(() -> Collections.emptyList().iterator().next()),
        random -> caught(() -> (Integer) (Object) "text"),
        random -> caught(() -> Arrays.asList(1, 2).add(3)),
        random -> caught(() -> Class.forName("com.acme.Gone")),
        random -> caught(() -> Files.readAllBytes(Paths.get("/nowhere/at/all"))),
        random -> caught(() -> new Socket("127.0.0.1", 1)),
        random -> caught(() -> 1 / random.nextInt(1)),
        random -> caught(() -> Enum.valueOf(Thread.State.class, "GONE")),
        random -> caught(() -> Throwables.class.getDeclaredMethod("reflected").invoke(null)),
        random -> caught(() -> CompletableFuture.supplyAsync(() -> Integer.parseInt("in another thread")).get()),
        random -> caught(() -> CompletableFuture.supplyAsync(() -> Integer.parseInt("joined")).join()),
        random -> caught(() -> {
            List<Integer> numbers = new ArrayList<>(Arrays.asList(1, 2, 3));
            for (Integer number : numbers) {
                numbers.remove(number);
            }
            return null;
        }),
        random -> caught(() -> Arrays.asList("1", "x").stream().map(Integer::parseInt).reduce(0, Integer::sum)),
        random -> {
            throw new UncheckedIOException("unchecked", new FileNotFoundException("orders.csv (No such file or directory)"));
        },
    };

    private Throwables() {}

    static Throwable one(Random random) {
        return get(random.nextInt(MAKERS.length), random);
    }

    static int count() {
        return MAKERS.length;
    }

    /** Each kind once. */
    static Throwable get(int number, Random random) {
        try {
            return MAKERS[number].make(random);
        } catch (Throwable thrown) {
            return thrown;
        }
    }

    /** With all the frames that Java keeps. */
    static Throwable overflow() {
        try {
            return new IllegalStateException("not reached " + endless(1));
        } catch (StackOverflowError error) {
            return error;
        }
    }

    static Throwable circular() {
        Exception first = new Exception("first of a circle");
        Exception second = new Exception("second of a circle", first);
        first.initCause(second);
        return second;
    }

    private static int endless(int number) {
        return endless(number + 1) + 1;
    }

    private interface Code {
        Object run() throws Throwable;
    }

    private static Throwable caught(Code code) {
        try {
            return new AssertionError("nothing was thrown but " + code.run());
        } catch (InvocationTargetException | ExecutionException | ConnectException | ConcurrentModificationException thrown) {
            return thrown;
        } catch (Throwable thrown) {
            return thrown;
        }
    }

    @SuppressWarnings("unused")
    private static void reflected() {
        throw new UnsupportedOperationException("thrown by a reflected method");
    }

    private static Throwable deep(Random random, int depth) {
        Throwable cause = new IOException("Broken pipe");
        for (int level = 0; level < depth; level++) {
            cause = level % 2 == 0 ? new RuntimeException("level " + level, cause) : new IllegalStateException(cause);
        }
        return random.nextBoolean() ? cause : new RuntimeException("top of it", cause);
    }

    private static Throwable suppressed(Random random) {
        Exception outer = new Exception("outer " + random.nextInt(100), new IOException("its cause"));
        Exception inner = new IOException("suppressed\nof two lines", new IllegalStateException("its cause"));
        inner.addSuppressed(new Problem.Quick("deeper"));
        outer.addSuppressed(inner);
        outer.addSuppressed(unnamed(null));
        return outer;
    }

    private static Throwable unnamed(String message) {
        try {
            // Code in a package cannot name a class that is in none.
            return (Throwable) Class.forName("Broken").getConstructor(String.class).newInstance(message);
        } catch (ReflectiveOperationException error) {
            throw new AssertionError(error);
        }
    }
}
