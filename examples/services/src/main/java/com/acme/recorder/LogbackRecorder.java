package com.acme.recorder;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxy;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.slf4j.LoggerFactory;

/** Stands before an appender of Logback: has it print each event, and writes the event's truth. */
final class LogbackRecorder extends UnsynchronizedAppenderBase<ILoggingEvent> {

    private final Appender<ILoggingEvent> printer;
    private final PatternLayout logger;
    private final PatternLayout thread;
    /** Null for traces as Java itself prints them. */
    private final PatternLayout trace;

    private LogbackRecorder(LoggerContext context, Appender<ILoggingEvent> printer) {
        this.printer = printer;
        setContext(context);
        logger = layout(context, System.getProperty("record.logger", "%-40.40logger{39}") + "%nopex");
        thread = layout(context, System.getProperty("record.thread", "%15.15t") + "%nopex");
        String pattern = System.getProperty("record.trace", "%wEx");
        trace = pattern.equals("java") ? null : layout(context, pattern);
    }

    static void install() {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        String recorded = System.getProperty("record.appender", "CONSOLE");
        List<Appender<ILoggingEvent>> appenders = new ArrayList<>();
        for (Iterator<Appender<ILoggingEvent>> all = root.iteratorForAppenders(); all.hasNext(); ) {
            appenders.add(all.next());
        }
        for (Appender<ILoggingEvent> appender : appenders) {
            root.detachAppender(appender);
            if (recorded.equals(appender.getName())) {
                LogbackRecorder recorder = new LogbackRecorder(context, appender);
                recorder.start();
                root.addAppender(recorder);
            }
        }
    }

    @Override
    protected void append(ILoggingEvent event) {
        Truth.Event truth = new Truth.Event();
        truth.millis = event.getTimeStamp();
        truth.level = event.getLevel().toString();
        truth.logger = event.getLoggerName();
        truth.thread = event.getThreadName();
        truth.message = event.getFormattedMessage();
        truth.context = event.getMDCPropertyMap();
        truth.printedLogger = logger.doLayout(event);
        truth.printedThread = thread.doLayout(event);
        if (event.getThrowableProxy() != null) {
            truth.exceptionClass = event.getThrowableProxy().getClassName();
            truth.exceptionMessage = event.getThrowableProxy().getMessage();
            truth.printedTrace = trace == null ? ofJava(event.getThrowableProxy()) : trace.doLayout(event);
        }
        Truth.get().event(truth, () -> printer.doAppend(event));
    }

    private static String ofJava(IThrowableProxy proxy) {
        StringWriter text = new StringWriter();
        ((ThrowableProxy) proxy).getThrowable().printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private static PatternLayout layout(LoggerContext context, String pattern) {
        PatternLayout layout = new PatternLayout();
        layout.setContext(context);
        layout.setPattern(pattern);
        layout.start();
        return layout;
    }
}
