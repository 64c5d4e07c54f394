// What wrote the files beside this one, each by the layout that it is named after:
//   logback-contrib     JsonLayout 0.1.5 with Jackson (-time: with a timestampFormat)
//   logstash            LogstashEncoder 7.4: -short with ShortenedFieldNames, includeCallerData, shortenedLoggerNameLength
//                       20 and customFields; -named with names of its own, rootCauseFirst and inlineHash; -millis with
//                       [UNIX_TIMESTAMP_AS_NUMBER]
//   logback-gelf        GelfEncoder 4.0.2 of de.siegmar, includeLevelName
//   log4j2-json         JsonLayout 2.20 (-list: propertiesAsList, includeTimeMillis, stacktraceAsString)
//   log4j2-gelf         GelfLayout 2.20
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

public class Samples {
    static class Quick extends RuntimeException {
        Quick(String message) {
            super(message);
        }
    }

    static void fail() {
        throw new IllegalStateException("no\nstock", new IOException("disk full"));
    }

    public static void main(String[] arguments) {
        Logger log = LoggerFactory.getLogger("com.acme.orders.OrderService");
        MDC.put("traceId", "4bf92f3577b34da6a3ce929d0e0e4736");
        MDC.put("spanId", "00f067aa0ba902b7");
        MDC.put("user", "ada");
        log.info("order {} of {}", 12, "b");
        MDC.clear();
        log.warn("plain");
        try {
            fail();
        } catch (IllegalStateException error) {
            error.addSuppressed(new Quick("later"));
            log.error("order {} failed", 7, error);
        }
    }
}
