package com.acme.orders;

import com.acme.recorder.Truth;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.springframework.core.env.Environment;

/** Logs everything once, then {@code scenes.count} events at random, then from many threads at once. */
final class Scenes {

    private static final String[] LOGGERS = {
        "com.acme.orders.web.OrderController",
        "com.acme.orders.domain.OrderService",
        "com.acme.orders.domain.internal.OrderRepositoryImplementationFactory",
        "com.acme.orders.domain.internal.persistence.AnExceedinglyLongClassNameThatIsCutByThePattern",
        "com.acme.orders.Orders$Inner",
        "org.hibernate.SQL",
        "org.apache.catalina.core.ContainerBase.[Tomcat].[localhost].[/]",
        "o.a.c.c.C.[.[.[/].[dispatcherServlet]",
        "access",
        "a",
        "com.acme.\u00dcbersicht",
        "com.acme.kotlin.OrderKt",
        "com.acme.orders.Order-v2",
        "jdbc.sqlonly",
        "reactor.netty.http.server.HttpServer",
        "AUDIT",
        "io.netty.channel.AbstractChannel$AbstractUnsafe",
        Logger.ROOT_LOGGER_NAME,
    };

    /** Names that no class has. */
    private static final String[] ODD_LOGGERS = {"order audit", "com.acme.orders.OrderService:audit", "[audit]", "a : b"};

    private static final String[] THREADS = {
        "main",
        "http-nio-8080-exec-1",
        "pool-3-thread-12",
        "scheduling-1",
        "ForkJoinPool.commonPool-worker-1",
        "kafka-consumer[orders]-0-C-1",
        "importer : 2",
        "a : b",
        "worker --- 1",
        "[x]",
        "a] b",
        "x] y : z",
        "OkHttp http://localhost:8080/...",
        "thread with   spaces",
        "\u7ebf\u7a0b-1",
        "T",
        "lettuce-epollEventLoop-4-1",
        "orders,1",
        "1234567890abcdef",
        "Catalina-utility-1",
        // Virtual threads have no name.
        "",
        "DefaultDispatcher-worker-1 @coroutine#7",
        "org.springframework.kafka.KafkaListenerEndpointContainer#0-0-C-1",
        "[main]",
        "pool [orders] : 3",
    };

    private final Environment environment;
    private final Random random;
    private final boolean circular;

    Scenes(Environment environment) {
        this.environment = environment;
        random = new Random(environment.getProperty("scenes.seed", Integer.class, 1));
        circular = environment.getProperty("scenes.circular", Boolean.class, true);
    }

    void play() throws InterruptedException {
        everyMessage();
        everyThrowable();
        everyThread();
        oddLoggers();
        tracesInMessages();
        if (environment.getProperty("scenes.foreign", Boolean.class, false)) {
            foreign();
        }
        for (int left = environment.getProperty("scenes.count", Integer.class, 100); left > 0; left--) {
            any(random);
        }
        together();
    }

    private void everyMessage() {
        for (int number = 0; number < Messages.count(); number++) {
            log(random, Messages.get(number, random), null);
        }
    }

    private void everyThrowable() {
        for (int number = 0; number < Throwables.count(); number++) {
            Throwable thrown = Throwables.get(number, random);
            logger(random).error("Order {} failed", random.nextInt(10_000), thrown);
            log(random, Messages.one(random), thrown);
        }
        logger(random).error("too deep", Throwables.overflow());
        logger(random).info("after it");
        logger(random).error("too deep, wrapped", new RuntimeException("no end", Throwables.overflow()));
        if (circular) {
            logger(random).error("a circle", Throwables.circular());
        }
    }

    private void everyThread() throws InterruptedException {
        for (String name : THREADS) {
            run(name, () -> {
                logger(random).info("Order {} accepted", random.nextInt(10_000));
                log(random, Messages.one(random), null);
                log(random, Messages.ofOneLine(random), Throwables.one(random));
            });
        }
    }

    private void oddLoggers() {
        for (String name : ODD_LOGGERS) {
            LoggerFactory.getLogger(name).info("Order {} accepted", random.nextInt(10_000));
        }
    }

    /** A trace that the message holds as text, as many services log it. */
    private void tracesInMessages() {
        for (int number = 0; number < 5; number++) {
            StringWriter text = new StringWriter();
            Throwables.get(number, random).printStackTrace(new PrintWriter(text));
            logger(random).error("failed: {}", text);
        }
    }

    private void any(Random random) {
        boolean failed = random.nextInt(100) < 25;
        log(random, Messages.one(random), failed ? Throwables.one(random) : null);
    }

    /** Eight threads that log as fast as they can. */
    private void together() throws InterruptedException {
        int count = environment.getProperty("scenes.together", Integer.class, 6);
        List<Thread> threads = new ArrayList<>();
        for (int number = 1; number <= 8; number++) {
            Random own = new Random(random.nextLong());
            threads.add(new Thread(() -> {
                for (int left = count; left > 0; left--) {
                    any(own);
                }
            }, "http-nio-8080-exec-" + number));
        }
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    /** What a console shows besides log lines. */
    private void foreign() throws InterruptedException {
        Truth truth = Truth.get();
        for (int number = 0; number < 6; number++) {
            Throwable thrown = Throwables.get(number, random);
            logger(random).info("before standard error {}", number);
            Thread thread = new Thread(() -> {
                throw new IllegalStateException("not caught", thrown);
            }, "w" + number);
            truth.foreign("uncaught", new IllegalStateException("not caught"), () -> finish(thread));
            any(random);
            truth.foreign("printStackTrace", thrown, thrown::printStackTrace);
            logger(random).info("Order {} after a trace on standard error", number);
            truth.foreign("hibernate", null, () -> System.out.println("Hibernate: select o1_0.id from orders o1_0 where o1_0.id=?"));
            truth.foreign("hibernate", null, () -> System.out.println("Hibernate: \n    select\n        o1_0.id \n    from\n        orders o1_0"));
            any(random);
            truth.foreign("jvm", null, () -> System.err.println("OpenJDK 64-Bit Server VM warning: Sharing is only supported for boot loader classes"));
            any(random);
            truth.foreign("gc", null, () -> System.out.println("[1.234s][info][gc] GC(0) Pause Young (Normal) 24M->4M(256M) 3.210ms"));
            any(random);
            truth.foreign("slf4j", null, () -> System.err.println("SLF4J: Class path contains multiple SLF4J providers."));
            any(random);
            truth.foreign("print", null, () -> System.out.println("hello from System.out"));
            any(random);
        }
    }

    private void log(Random random, String message, Throwable thrown) {
        Logger logger = logger(random);
        int kind = random.nextInt(10);
        if (kind == 0) {
            // The names that tracing libraries give them.
            String trace = String.format("%016x%016x", random.nextLong(), random.nextLong());
            MDC.put(environment.getProperty("scenes.trace", "traceId"), trace);
            MDC.put(environment.getProperty("scenes.span", "spanId"), String.format("%016x", random.nextLong()));
        }
        // With an exception a message takes no arguments; without one, its braces stay.
        if (thrown != null) {
            if (kind < 8) {
                logger.error(message, thrown);
            } else {
                logger.warn(message, thrown);
            }
        } else if (kind < 6) {
            logger.info(message);
        } else if (kind < 7) {
            logger.warn(message);
        } else if (kind < 8) {
            logger.error(message);
        } else if (kind < 9) {
            logger.debug(message);
        } else {
            logger.trace(message);
        }
        MDC.clear();
    }

    private static Logger logger(Random random) {
        return LoggerFactory.getLogger(LOGGERS[random.nextInt(LOGGERS.length)]);
    }

    private static void run(String name, Runnable code) throws InterruptedException {
        Thread thread = new Thread(code, name);
        thread.start();
        thread.join();
    }

    private static void finish(Thread thread) {
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
