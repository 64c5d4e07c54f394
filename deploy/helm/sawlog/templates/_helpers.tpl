{{- define "sawlog.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes of a part's labels: list CONTEXT PART. */}}
{{- define "sawlog.selector" -}}
{{- $context := first . -}}
app.kubernetes.io/name: sawlog
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{- define "sawlog.labels" -}}
{{- $context := first . -}}
{{ include "sawlog.selector" . }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
helm.sh/chart: {{ $context.Chart.Name }}-{{ $context.Chart.Version }}
{{- end -}}

{{- define "sawlog.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The configuration of a part: what the values say, or else the chart's own file; list CONTEXT PART FILE. */}}
{{- define "sawlog.configuration" -}}
{{- $context := first . -}}
{{- $own := (get $context.Values (index . 1)).config -}}
{{- if $own -}}
{{ $own }}
{{- else -}}
{{ tpl ($context.Files.Get (last .)) $context }}
{{- end -}}
{{- end -}}

{{/* The name of a part's service account; list CONTEXT PART. */}}
{{- define "sawlog.account" -}}
{{- $context := first . -}}
{{- (get $context.Values (last .)).serviceAccount.name | default (printf "%s-%s" (include "sawlog.fullname" $context) (last .)) -}}
{{- end -}}

{{/* What of a pod's specification is asked for as it is; list CONTEXT PART. */}}
{{- define "sawlog.scheduling" -}}
{{- $context := first . -}}
{{- $part := get $context.Values (last .) -}}
{{- with $context.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
