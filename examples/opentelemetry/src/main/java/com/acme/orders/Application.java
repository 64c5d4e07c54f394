package com.acme.orders;

import io.micrometer.tracing.Tracer;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.instrumentation.logback.appender.v1_0.OpenTelemetryAppender;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** Takes a few orders, one of which fails, and ends: what it logs goes to an OTLP endpoint. */
@SpringBootApplication
public class Application {
  private static final Logger log = LoggerFactory.getLogger(Application.class);

  public static void main(String[] arguments) {
    SpringApplication.run(Application.class, arguments).close();
  }

  @Bean
  CommandLineRunner orders(OpenTelemetry openTelemetry, Tracer tracer) {
    OpenTelemetryAppender.install(openTelemetry);
    return arguments -> {
      var span = tracer.nextSpan().name("order").start();
      try (var scope = tracer.withSpan(span)) {
        MDC.put("order.id", "4711");
        log.info("order {} was taken", 4711);
        log.atWarn().addKeyValue("left", 3).log("stock is low");
        pay();
      } catch (IllegalStateException failure) {
        log.error("payment failed\nfor order 4711", failure);
      } finally {
        MDC.clear();
        span.end();
      }
      log.debug("ready: {}", "grüß dich");
    };
  }

  private static void pay() {
    try {
      throw new java.net.SocketTimeoutException("Read timed out");
    } catch (java.net.SocketTimeoutException cause) {
      throw new IllegalStateException("no answer from the bank", cause);
    }
  }
}
