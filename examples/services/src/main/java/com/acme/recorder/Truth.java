package com.acme.recorder;

import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Writes what really happened, one JSON line for each event, next to the captured output.
 *
 * <p>One lock is held while an event is printed and while its truth is written, so both files have one order, and
 * the captured file's length before and after tells which of its bytes are the event's.
 */
public final class Truth {

    /** A line that begins as an event does: with it inside a message, nobody can tell where the event ends. */
    private static final Pattern HEAD = Pattern.compile(
            "(?m)^(?:\\{\"(?:@timestamp|version|timestamp|instant)\"|(?:\\d{4}-\\d\\d-\\d\\d[ T])?\\d\\d:\\d\\d:\\d\\d[.,]\\d{3}\\S*"
                    + " +(?:[A-Z]{4,5} .*?--- \\[|[A-Z]{4,5} +\\[|\\[[^\\]\\n]*\\] +[A-Z]{4,5} +))");

    private static final Pattern LINE_ENDS = Pattern.compile("\\A[\r\n]+|[\r\n]+\\z");

    private static Truth instance;

    private final File captured;
    private final BufferedWriter writer;

    private Truth(File captured, File truth) throws IOException {
        this.captured = captured;
        this.writer = Files.newBufferedWriter(truth.toPath(), StandardCharsets.UTF_8);
    }

    /** The truth of this process, by the system properties {@code record.capture} and {@code record.truth}. */
    public static synchronized Truth get() {
        if (instance == null) {
            try {
                instance = new Truth(
                        new File(System.getProperty("record.capture")), new File(System.getProperty("record.truth")));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
        return instance;
    }

    /** What one event says. */
    public static final class Event {
        public long millis;
        public String level;
        public String logger;
        public String thread;
        public String message;
        public String exceptionClass;
        public String exceptionMessage;
        public Map<String, String> context;
        /** As the pattern prints them: shortened or cut. */
        public String printedLogger;
        public String printedThread;
        public String printedTrace;
    }

    /** Print an event and write its truth. */
    public synchronized void event(Event event, Runnable print) {
        long start = captured.length();
        print.run();
        StringBuilder line = begin(start);
        add(line, "epoch_millis", event.millis);
        add(line, "level", event.level);
        add(line, "logger", event.logger);
        add(line, "logger_printed", event.printedLogger.trim());
        add(line, "thread", event.thread);
        add(line, "thread_printed", event.printedThread.trim());
        add(line, "message", event.message);
        add(line, "exception_class", event.exceptionClass);
        add(line, "exception_message", event.exceptionMessage);
        add(line, "stack_trace", event.printedTrace == null ? null : LINE_ENDS.matcher(event.printedTrace).replaceAll(""));
        for (Map.Entry<String, String> entry : event.context.entrySet()) {
            add(line, "context." + entry.getKey(), entry.getValue());
        }
        add(line, "message_holds_head", holdsHead(event.message) || holdsHead(event.printedTrace));
        end(line);
    }

    /** Print something that is no event, such as standard error, and write which bytes it has. */
    public synchronized void foreign(String kind, Throwable thrown, Runnable print) {
        long start = captured.length();
        print.run();
        StringBuilder line = begin(start);
        add(line, "foreign", kind);
        if (thrown != null) {
            add(line, "exception_class", thrown.getClass().getName());
            add(line, "exception_message", thrown.getMessage());
        }
        end(line);
    }

    private static boolean holdsHead(String text) {
        int newline = text == null ? -1 : text.indexOf('\n');
        return newline >= 0 && HEAD.matcher(text.substring(newline + 1)).find();
    }

    private StringBuilder begin(long start) {
        StringBuilder line = new StringBuilder(512).append("{\"start\":").append(start);
        add(line, "end", captured.length());
        return line;
    }

    private void end(StringBuilder line) {
        try {
            writer.append(line).append("}\n").flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void add(StringBuilder line, String name, Object value) {
        if (value == null) {
            return;
        }
        line.append(',');
        quote(line, name);
        line.append(':');
        if (value instanceof String) {
            quote(line, (String) value);
        } else {
            line.append(value);
        }
    }

    private static void quote(StringBuilder line, String text) {
        line.append('"');
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"' || c == '\\') {
                line.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                line.append(String.format("\\u%04x", (int) c));
            } else {
                line.append(c);
            }
        }
        line.append('"');
    }
}
