package com.acme.recorder;

import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationEnvironmentPreparedEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.core.Ordered;

/** Puts the writer of truths around the appender, as soon as Spring Boot has set up logging. */
public final class Recorder implements ApplicationListener<ApplicationEnvironmentPreparedEvent>, Ordered {

    /** After the listener that sets up logging, before the first event is logged. */
    @Override
    public int getOrder() {
        return Ordered.LOWEST_PRECEDENCE;
    }

    @Override
    public void onApplicationEvent(ApplicationEnvironmentPreparedEvent event) {
        install();
    }

    /** Record from now on. Only one of the two recorders is built: the one of the library that this build logs by. */
    public static void install() {
        String factory = LoggerFactory.getILoggerFactory().getClass().getName();
        String recorder = factory.startsWith("ch.qos.logback.") ? "LogbackRecorder" : "Log4j2Recorder";
        try {
            Class.forName("com.acme.recorder." + recorder).getDeclaredMethod("install").invoke(null);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }
}
