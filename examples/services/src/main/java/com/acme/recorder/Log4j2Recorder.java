package com.acme.recorder;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.Appender;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.layout.PatternLayout;

/** Stands before an appender of log4j2: has it print each event, and writes the event's truth. */
final class Log4j2Recorder extends AbstractAppender {

    private final Appender printer;
    private final PatternLayout logger;
    private final PatternLayout thread;
    private final PatternLayout trace;

    @SuppressWarnings("deprecation") // The constructor that all versions have.
    private Log4j2Recorder(Configuration configuration, Appender printer) {
        super("recorder", null, null, false);
        this.printer = printer;
        logger = layout(configuration, System.getProperty("record.logger", "%-40.40c{1.}"));
        thread = layout(configuration, System.getProperty("record.thread", "%15.15t"));
        trace = layout(configuration, System.getProperty("record.trace", "%xwEx"));
    }

    static void install() {
        LoggerContext context = (LoggerContext) LogManager.getContext(false);
        Configuration configuration = context.getConfiguration();
        LoggerConfig root = configuration.getRootLogger();
        String recorded = System.getProperty("record.appender", "Console");
        for (String name : root.getAppenders().keySet().toArray(new String[0])) {
            Appender appender = root.getAppenders().get(name);
            root.removeAppender(name);
            if (recorded.equalsIgnoreCase(name)) {
                Log4j2Recorder recorder = new Log4j2Recorder(configuration, appender);
                recorder.start();
                root.addAppender(recorder, null, null);
            }
        }
        context.updateLoggers();
    }

    @Override
    public void append(LogEvent event) {
        LogEvent kept = event.toImmutable();
        Truth.Event truth = new Truth.Event();
        truth.millis = kept.getTimeMillis();
        truth.level = kept.getLevel().name();
        truth.logger = kept.getLoggerName();
        truth.thread = kept.getThreadName();
        truth.message = kept.getMessage().getFormattedMessage();
        truth.context = kept.getContextData().toMap();
        truth.printedLogger = logger.toSerializable(kept);
        truth.printedThread = thread.toSerializable(kept);
        if (kept.getThrown() != null) {
            truth.exceptionClass = kept.getThrown().getClass().getName();
            truth.exceptionMessage = kept.getThrown().getMessage();
            truth.printedTrace = trace.toSerializable(kept);
        }
        Truth.get().event(truth, () -> printer.append(event));
    }

    private static PatternLayout layout(Configuration configuration, String pattern) {
        return PatternLayout.newBuilder()
                .withConfiguration(configuration)
                .withPattern(pattern)
                .withAlwaysWriteExceptions(false)
                .build();
    }
}
